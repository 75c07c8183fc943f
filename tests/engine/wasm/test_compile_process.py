"""One compiler process: it compiles what loads, and whatever ends it is told in words and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
import wasmtime

from engine.wasm.compile_process import (
    PROGRAM,
    CompiledCode,
    CompileOrder,
    CompileProcess,
    CompilerDied,
    ModuleRefused,
    NoCompiler,
)
from engine.wasm.compile_worker import write_frame
from engine.wasm.runtime import ENGINE_SETTINGS, Runtime
from engine.wasm.tier import Tier
from tests.engine.wasm.heavy_modules import slow_module
from tests.waiting import wait_until

ADD = bytes(
    wasmtime.wat2wasm('(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 2))))')
)
ENDLESS = 100_000
"""Functions of a module that no test waits for."""


@pytest.fixture
def process() -> Iterator[CompileProcess]:
    process = CompileProcess(program=PROGRAM, is_background=False)
    yield process
    process.close()


def order(data: bytes = ADD, *, tier: Tier = Tier.QUICK, output: Path | None = None, cpu_s: float = 60) -> CompileOrder:
    return CompileOrder(read=lambda: data, tier=tier, output=output, cpu_s=cpu_s)


def begin(process: CompileProcess, asked: CompileOrder) -> Future[CompiledCode]:
    """Compile on a thread; returns once the compiler has the module."""
    future: Future[CompiledCode] = Future()
    has_read = threading.Event()

    def read() -> bytes:
        has_read.set()
        return asked.read()

    def run() -> None:
        watched = CompileOrder(read=read, tier=asked.tier, output=asked.output, cpu_s=asked.cpu_s)
        try:
            future.set_result(process.compile(watched))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    assert has_read.wait(20)
    return future


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("tier", Tier)
def test_code_of_either_tier_runs_in_the_engine_and_answers_the_same(process: CompileProcess, tier: Tier) -> None:
    code = process.compile(order(tier=tier))
    assert isinstance(code.artifact, bytes)
    assert code.code_bytes == len(code.artifact)
    runtime = Runtime()
    store = wasmtime.Store(runtime.engine)
    store.set_epoch_deadline(1)
    module = wasmtime.Module.deserialize(runtime.engine, code.artifact)
    function = wasmtime.Instance(store, module, []).exports(store)["f"]
    assert isinstance(function, wasmtime.Func)
    assert function(store, 40) == 42


def test_the_code_goes_into_a_file_that_only_the_user_can_read(process: CompileProcess, tmp_path: Path) -> None:
    (tmp_path / "Köche").mkdir()
    output = tmp_path / "Köche" / "code"
    code = process.compile(order(output=output))
    assert code.artifact == output
    status = output.stat()
    assert (status.st_size, status.st_mode & 0o777) == (code.code_bytes, 0o600)


def test_code_whose_file_cannot_be_made_comes_back_all_the_same(process: CompileProcess, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"somebody else's")
    for output in (tmp_path / "missing" / "code", tmp_path / "taken"):
        code = process.compile(order(output=output))
        assert isinstance(code.artifact, bytes)
        assert len(code.artifact) == code.code_bytes > 0
    assert (tmp_path / "taken").read_bytes() == b"somebody else's"


def test_a_refused_module_is_told_in_words_and_the_process_goes_on(process: CompileProcess) -> None:
    with pytest.raises(ModuleRefused, match="failed to parse"):
        process.compile(order(ADD[:-3]))
    first = process.pid
    process.compile(order())
    assert process.pid == first


def test_what_reading_the_module_raises_is_handed_on_and_the_process_goes_on(process: CompileProcess) -> None:
    def read() -> bytes:
        raise FileNotFoundError("gone")

    with pytest.raises(FileNotFoundError):
        process.compile(CompileOrder(read=read, tier=Tier.QUICK, output=None, cpu_s=60))
    assert process.is_alive
    process.compile(order())


def test_killing_ends_a_compilation_at_once_with_the_given_reason(process: CompileProcess, tmp_path: Path) -> None:
    compilation = begin(process, order(slow_module(ENDLESS), output=tmp_path / "code"))
    pid = process.pid
    assert pid is not None
    process.kill("it was edited")
    with pytest.raises(CompilerDied, match="it was edited"):
        compilation.result(2)
    assert not process.is_alive
    assert not is_running(pid)
    assert not list(tmp_path.iterdir())


def test_a_process_that_was_killed_before_its_first_order_does_not_start(process: CompileProcess) -> None:
    process.kill("too late")
    with pytest.raises(CompilerDied, match="too late"):
        process.compile(order())
    assert process.pid is None


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no such limit")
def test_a_module_that_takes_too_much_processor_time_ends_with_the_limit_named(process: CompileProcess) -> None:
    with pytest.raises(CompilerDied, match=r"more than 0\.5 s of processor time \(Workbench\.Limits\.CompileCPU\)"):
        process.compile(order(slow_module(ENDLESS), cpu_s=0.5))
    assert not process.is_alive


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of another process can be read on Linux only")
def test_processor_time_is_counted_anew_for_each_module(process: CompileProcess) -> None:
    import resource

    softs: list[int] = []
    for module in (slow_module(20_000), ADD):  # the first one takes about a second
        process.compile(order(module, cpu_s=5))
        assert process.pid is not None
        softs.append(resource.prlimit(process.pid, resource.RLIMIT_CPU)[0])
    assert softs[0] < softs[1]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of other systems")
@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGKILL, "killed from outside"), (signal.SIGSEGV, r"crashed \(SIGSEGV\)")]
)
def test_a_compiler_that_dies_says_how(process: CompileProcess, number: int, words: str) -> None:
    compilation = begin(process, order(slow_module(ENDLESS)))
    assert process.pid is not None
    os.kill(process.pid, number)
    with pytest.raises(CompilerDied, match=words):
        compilation.result(5)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of other systems")
def test_the_process_leads_a_group_of_its_own_and_a_background_one_steps_back() -> None:
    for is_background in (False, True):
        process = CompileProcess(program=PROGRAM, is_background=is_background)
        process.compile(order())
        assert process.pid is not None
        assert os.getpgid(process.pid) == process.pid
        niceness = os.getpriority(os.PRIO_PROCESS, process.pid) - os.getpriority(os.PRIO_PROCESS, 0)
        assert (niceness > 0) is is_background
        process.close()


def test_the_program_ends_in_the_middle_of_a_compilation_when_its_engine_is_gone() -> None:
    with subprocess.Popen(
        [sys.executable, "-I", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        with os.fdopen(os.dup(program.stdin.fileno()), "wb") as stream:
            write_frame(stream, {"path": sys.path, "settings": dict(ENGINE_SETTINGS), "niceness": 0})
            assert program.stdout.read(1)
            write_frame(stream, {"tier": "quick", "output": None, "cpu_s": 60}, slow_module(ENDLESS))
        program.stdin.close()
        assert program.wait(5) == 0


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (None, "ended with exit status"),
        ("raise SystemExit(7)", "ended with exit status 7"),
        ("print('{' * 100)", "answered something else"),
        ("import os; os.abort()", r"crashed \(SIGABRT\)|ended with exit status"),
    ],
)
def test_a_program_that_does_not_start_is_no_compiler(tmp_path: Path, program: str | None, words: str) -> None:
    path = tmp_path / "program.py"
    if program is not None:
        path.write_text(program)
    process = CompileProcess(program=path, is_background=False)
    with pytest.raises(NoCompiler, match=words):
        process.compile(order())
    process.close()


def test_a_missing_wasmtime_is_told_by_the_process(process: CompileProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(NoCompiler, match="No module named"):
        process.compile(order())


def test_an_interpreter_without_a_program_of_its_own_has_no_compiler(
    process: CompileProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(NoCompiler, match="does not know its own program"):
        process.compile(order())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
def test_processes_leave_no_descriptors_behind(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    for program in (PROGRAM, PROGRAM, tmp_path / "missing"):
        process = CompileProcess(program=program, is_background=False)
        try:
            process.compile(order())
        except NoCompiler:
            assert program is not PROGRAM
        process.close()
    compilation = begin(killed := CompileProcess(program=PROGRAM, is_background=False), order(slow_module(ENDLESS)))
    killed.kill("the test is over")
    assert compilation.exception(5) is not None
    wait_until(lambda: descriptors() <= before, what="closed descriptors")
