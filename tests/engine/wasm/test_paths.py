"""Both ways into a guest behave alike: numbers, memory, exceptions, stops, and what is left behind."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest
import wasmtime

from engine.wasm.paths import CallPathName, Guest, HostFunction, LinearMemory
from engine.wasm.public import PublicPath
from engine.wasm.runtime import Runtime
from tests.waiting import wait_until

GUEST = """(module
  (import "env" "host" (func $host (param i32 i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "ask") (param i32 i32) (result i64) (call $host (local.get 0) (local.get 1)))
  (func (export "ask_twice") (result i64)
    (drop (call $host (i32.const 1) (i32.const 0))) (call $host (i32.const 2) (i32.const 0)))
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "spin") (loop $l (br $l)))
  (func (export "tell_and_spin") (drop (call $host (i32.const 1) (i32.const 0))) (loop $l (br $l)))
  (func (export "trap") (unreachable)))"""
SERVICE = (("i32", "i32"), ("i64",))


class Hooks:
    """A live instance's part, with what its host function does."""

    def __init__(self, answer: Callable[[int, int], int] = lambda first, second: first + second) -> None:
        self.memory: LinearMemory | None = None
        self.pending: BaseException | None = None
        self.reason: str | None = None
        self.answer = answer

    def stop_text(self) -> str | None:
        return self.reason


def host(hooks: Hooks, first: int, second: int) -> int:
    return hooks.answer(first, second)


@pytest.fixture(params=get_args(CallPathName))
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    runtime = Runtime(request.param)
    assert runtime.path.name == request.param
    before = runtime.path.live_stores()
    yield runtime
    assert runtime.path.live_stores() == before


@contextmanager
def opened(runtime: Runtime, *all_hooks: Hooks, wat: str = GUEST) -> Iterator[list[Guest]]:
    """Started guests of one module, one for each hooks."""
    module = wasmtime.Module(runtime.engine, wat)
    function = HostFunction(module="env", name="host", params=("i32", "i32"), results=("i64",), body=host)
    link = runtime.path.link(runtime, module, [function])
    guests = [link.open(hooks) for hooks in all_hooks]
    try:
        for guest in guests:
            guest.instantiate()
        yield guests
    finally:
        for guest in guests:
            guest.close()


def ask(guest: Guest, first: int = 0, second: int = 0) -> int:
    export = guest.export("ask", ("i32", "i32"), ("i64",))
    assert export is not None
    return export(first, second)


def run(guest: Guest, name: str) -> int:
    export = guest.export(name, (), () if name in ("spin", "tell_and_spin", "trap") else ("i64",))
    assert export is not None
    return export()


def spin_until_stopped(guest: Guest, export: str = "spin") -> None:
    with pytest.raises((wasmtime.Trap, wasmtime.WasmtimeError)):
        run(guest, export)


def test_numbers_are_unsigned_in_both_directions(runtime: Runtime) -> None:
    seen: list[tuple[int, int]] = []

    def answer(first: int, second: int) -> int:
        seen.append((first, second))
        return 0xFFFF_FFFF_8000_0001

    with opened(runtime, Hooks(answer)) as [guest]:
        assert ask(guest, 0xFFFF_FFFF, 0x8000_0000) == 0xFFFF_FFFF_8000_0001
    assert seen == [(0xFFFF_FFFF, 0x8000_0000)]


def test_a_host_function_can_call_back_without_harming_the_call_under_way(runtime: Runtime) -> None:
    hooks = Hooks()
    with opened(runtime, hooks) as [guest]:
        double = guest.export("double", ("i32",), ("i32",))
        assert double is not None

        def answer(first: int, second: int) -> int:
            return ask(guest, first - 1, second) + 1 if first else double(second)

        hooks.answer = answer
        assert ask(guest, 10, 0x4000_0003) == 10 + 0x8000_0006


def test_memory_is_bounded_and_grows(runtime: Runtime) -> None:
    with opened(runtime, Hooks()) as [guest]:
        memory = guest.memory()
        grow = guest.export("grow", (), ("i32",))
        assert memory is not None
        assert grow is not None
        assert memory.size() == 65536
        assert memory.read(65530, 7) is None
        assert not memory.write(65530, b"seven b")
        assert memory.read(0xFFFF_FFFF, 1) is None
        assert memory.read(65536, 0) == b""
        assert grow() == 1
        assert memory.write(65530, b"seven b")
        assert memory.read(65530, 7) == b"seven b"


def test_an_exception_of_a_host_function_arrives_as_itself(runtime: Runtime) -> None:
    error = LookupError("no")

    def answer(first: int, second: int) -> int:
        raise error

    hooks = Hooks(answer)
    with opened(runtime, hooks) as [guest]:
        with pytest.raises(LookupError) as caught:
            ask(guest)
        assert caught.value is error
        assert hooks.pending is None


def test_after_a_failed_host_function_the_guest_reaches_no_other_one(runtime: Runtime) -> None:
    seen: list[int] = []

    def answer(first: int, second: int) -> int:
        seen.append(first)
        raise LookupError

    with opened(runtime, Hooks(answer)) as [guest], pytest.raises(LookupError):
        run(guest, "ask_twice")
    assert seen == [1]


def test_failures_on_many_threads_stay_with_their_guests(runtime: Runtime) -> None:
    def failing(number: int) -> Hooks:
        def answer(first: int, second: int) -> int:
            raise LookupError(number, first)

        return Hooks(answer)

    def work(number: int, guest: Guest) -> list[bool]:
        found = []
        for turn in range(100):
            with pytest.raises(LookupError) as caught:
                ask(guest, turn)
            found.append(caught.value.args == (number, turn))
        return found

    with opened(runtime, *(failing(number) for number in range(4))) as guests, ThreadPoolExecutor(4) as threads:
        results = list(threads.map(work, range(4), guests))
    assert all(all(found) for found in results)


def test_a_trap_keeps_its_code(runtime: Runtime) -> None:
    with opened(runtime, Hooks()) as [guest], pytest.raises(wasmtime.Trap) as caught:
        run(guest, "trap")
    assert caught.value.trap_code is wasmtime.TrapCode.UNREACHABLE


def test_an_interrupt_stops_the_guests_that_have_a_reason_and_no_other(runtime: Runtime) -> None:
    all_hooks = [Hooks() for _ in range(3)]
    ended: list[int] = []

    def spin(number: int, guest: Guest) -> None:
        spin_until_stopped(guest)
        ended.append(number)

    with opened(runtime, *all_hooks) as guests:
        threads = [threading.Thread(target=spin, args=(number, guest)) for number, guest in enumerate(guests)]
        for thread in threads:
            thread.start()
        # The one that was opened first, the last, the one between: none may depend on the order.
        for number in (0, 2, 1):
            all_hooks[number].reason = "stop"
            runtime.interrupt()
            threads[number].join(10)
            assert ended[-1] == number
            assert [thread.is_alive() for thread in threads].count(True) == 3 - len(ended)
        assert ended == [0, 2, 1]


def test_a_reason_that_is_there_before_the_call_stops_it(runtime: Runtime) -> None:
    hooks = Hooks()
    with opened(runtime, hooks) as [guest]:
        hooks.reason = "stop"
        runtime.interrupt()
        spin_until_stopped(guest)


def test_interrupts_for_others_do_not_hurt_the_next_call(runtime: Runtime) -> None:
    hooks, other = Hooks(), Hooks()
    with opened(runtime, hooks, other) as [guest, _]:
        other.reason = "stop"
        for _ in range(5):
            runtime.interrupt()
            assert ask(guest, 2, 3) == 5


def test_guests_of_another_runtime_are_not_interrupted(runtime: Runtime) -> None:
    is_inside = threading.Event()

    def tell(first: int, second: int) -> int:
        is_inside.set()
        return 0

    hooks = Hooks(tell)
    other = Runtime(runtime.path.name)
    with opened(runtime, hooks) as [guest]:
        thread = threading.Thread(target=spin_until_stopped, args=(guest, "tell_and_spin"))
        thread.start()
        assert is_inside.wait(30)
        hooks.reason = "stop"
        other.interrupt()
        thread.join(0.1)
        assert thread.is_alive()
        runtime.interrupt()
        thread.join(30)
        assert not thread.is_alive()


def test_a_start_function_reaches_host_functions_and_memory(runtime: Runtime) -> None:
    wat = """(module (import "env" "host" (func $host (param i32 i32) (result i64)))
      (memory (export "memory") 1) (data (i32.const 8) "here")
      (func $begin (drop (call $host (i32.const 8) (i32.const 4)))) (start $begin))"""
    found: list[bytes | None] = []
    hooks = Hooks()

    def answer(first: int, second: int) -> int:
        assert hooks.memory is not None
        found.append(hooks.memory.read(first, second))
        return 0

    hooks.answer = answer
    with opened(runtime, hooks, wat=wat):
        assert found == [b"here"]


def test_a_start_function_that_a_host_function_stops_is_the_host_functions_failure(runtime: Runtime) -> None:
    wat = """(module (import "env" "host" (func $host (param i32 i32) (result i64)))
      (memory (export "memory") 1)
      (func $begin (drop (call $host (i32.const 8) (i32.const 4)))) (start $begin))"""

    def answer(first: int, second: int) -> int:
        raise LookupError

    with pytest.raises(LookupError), opened(runtime, Hooks(answer), wat=wat):
        pytest.fail("the start function was let through")


@pytest.mark.parametrize(
    ("imports", "text"),
    [
        ('(import "env" "missing" (func))', "unknown import: `env::missing` has not been defined"),
        ('(import "env" "host" (func (param i64)))', "incompatible import type for `env::host`"),
    ],
    ids=["missing", "of another type"],
)
def test_a_wrong_import_is_refused_in_wasmtimes_words(runtime: Runtime, imports: str, text: str) -> None:
    with pytest.raises(wasmtime.WasmtimeError, match=text), opened(runtime, wat=f"(module {imports})"):
        pytest.fail("it was linked")


def test_what_is_not_exported_is_not_found(runtime: Runtime) -> None:
    with opened(
        runtime, Hooks(), wat='(module (memory (export "other") 1) (global (export "g") i32 (i32.const 1)))'
    ) as [guest]:
        assert guest.memory() is None
        assert guest.export("g", (), ()) is None
        assert guest.export("other", (), ()) is None
        assert guest.export("missing", (), ()) is None


def test_a_closed_guest_answers_with_an_exception(runtime: Runtime) -> None:
    with opened(runtime, Hooks()) as [guest]:
        memory = guest.memory()
        export = guest.export("ask", ("i32", "i32"), ("i64",))
    assert memory is not None
    assert export is not None
    for use in (lambda: memory.read(0, 1), lambda: export(1, 2)):
        with pytest.raises((ValueError, AttributeError)):
            use()


def code_folders(folder: Path) -> Sequence[Path]:
    return list(folder.glob("workbench-code-*"))


def test_the_public_path_leaves_no_code_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with opened(Runtime("public"), Hooks()) as [guest]:
        assert ask(guest, 1, 2) == 3
        assert len(code_folders(tmp_path)) == 1
        assert code_folders(tmp_path)[0].stat().st_mode & 0o077 == 0
    del guest
    wait_until(lambda: not code_folders(tmp_path), what="the folder to be removed")


def test_the_public_path_goes_on_when_somebody_removes_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runtime = Runtime("public")
    function = HostFunction(module="env", name="host", params=("i32", "i32"), results=("i64",), body=host)
    link = runtime.path.link(runtime, wasmtime.Module(runtime.engine, GUEST), [function])
    for folder in code_folders(tmp_path):
        shutil.rmtree(folder)
    guest = link.open(Hooks())
    guest.instantiate()
    assert ask(guest, 1, 2) == 3
    guest.close()


def test_the_public_path_refuses_what_it_would_take_for_ever_to_look_through() -> None:
    exports = "".join(f'(func (export "f{number}"))' for number in range(2_001))
    runtime = Runtime("public")
    with pytest.raises(wasmtime.WasmtimeError, match="more than 2000 exports"):
        PublicPath().link(runtime, wasmtime.Module(runtime.engine, f"(module {exports})"), [])
