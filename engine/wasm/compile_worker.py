"""The program of a compiler process: modules come in, compiled code goes out, one after another.

The engine starts this file with an isolated interpreter and imports its functions; as a program it imports nothing but
the standard library and wasmtime. It compiles hostile input and never runs any of it. Requests and answers are frames:
two lengths, a JSON object, and bytes that belong to it (a module, or code that could not be written to a file).

The first frame settles the process: `path` (where Python looks for wasmtime), `settings` (of the wasmtime engine that
will load the code) and `niceness`. Each further one asks for a compilation: `tier`, `output` (a file to make, or null),
`cpu_s` (what it may cost). The process ends when its input does, in the middle of a compilation too.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import queue
import signal
import struct
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn

if TYPE_CHECKING:
    import wasmtime

_LENGTHS: Final = struct.Struct(">IQ")
_HEADER_LIMIT: Final = 1024 * 1024
_BODY_LIMIT: Final = 4 * 1024**3
_TEXT_LIMIT: Final = 4000

_TIERS: Final[Mapping[str, Mapping[str, object]]] = {
    # Somebody waits for the quick tier, so it takes all cores; the other one is made while guests want them.
    "quick": {"cranelift_opt_level": "none", "parallel_compilation": True},
    "optimised": {"cranelift_opt_level": "speed", "parallel_compilation": False},
}
_TIER_FLAGS: Final[Mapping[str, Mapping[str, str]]] = {"quick": {"regalloc_algorithm": "single_pass"}, "optimised": {}}


def write_frame(stream: BinaryIO, header: Mapping[str, object], body: bytes | bytearray = b"") -> None:
    """Send one frame; `OSError` when the other side is gone."""
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)))
    stream.write(text)
    stream.write(body)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Wait for one frame; `EOFError` when the other side is gone, `ValueError` when it talks nonsense."""
    header_bytes, body_bytes = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    if header_bytes > _HEADER_LIMIT or body_bytes > _BODY_LIMIT:
        raise ValueError("a frame of the compiler process is larger than any that it sends")
    header = json.loads(_exactly(stream, header_bytes))
    if not isinstance(header, dict):
        raise ValueError("a frame of the compiler process does not begin with an object")
    return header, _exactly(stream, body_bytes)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise EOFError("the other side is gone")
    return data


class ModuleCompiler:
    """Compiles for one set of engine settings, in this process; every tier loads into that same engine."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._settings = settings
        self._engines: dict[str, wasmtime.Engine] = {}
        self._lock = threading.Lock()

    def compile(self, data: bytes, tier: str) -> bytearray:
        """The serialised code of a module; `wasmtime.WasmtimeError` when it is no good."""
        import wasmtime

        module = wasmtime.Module(self._engine(tier), data)
        try:
            return module.serialize()
        finally:
            module.close()

    def _engine(self, tier: str) -> wasmtime.Engine:
        import wasmtime

        with self._lock:
            if tier not in self._engines:
                config = wasmtime.Config()
                # The switches are write-only properties, so a plain loop has to go through setattr.
                for name, value in {**self._settings, **_TIERS[tier]}.items():
                    setattr(config, name, value)
                for flag, text in _TIER_FLAGS[tier].items():
                    config.cranelift_flag_set(flag, text)
                self._engines[tier] = wasmtime.Engine(config)
            return self._engines[tier]


def write_new_file(path: Path, data: bytes | bytearray) -> None:
    """Make a file that was not there, for this user alone; nothing is left of it when that fails."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def _serve(requests: queue.Queue[tuple[dict[str, Any], bytes]], answers: BinaryIO, compiler: ModuleCompiler) -> None:
    while True:
        request, data = requests.get()
        _limit_cpu(float(request["cpu_s"]))
        answer, code = _answer(compiler, request, data)
        del data
        write_frame(answers, answer, code)
        del code
        _return_memory()


def _answer(compiler: ModuleCompiler, request: Mapping[str, Any], data: bytes) -> tuple[dict[str, object], bytearray]:
    begin = time.perf_counter_ns()
    try:
        code = compiler.compile(data, request["tier"])
    except Exception as error:
        return {"error": str(error)[:_TEXT_LIMIT] or type(error).__name__}, bytearray()
    answer: dict[str, object] = {"compile_ns": time.perf_counter_ns() - begin, "code_bytes": len(code)}
    if request["output"] is not None:
        # Where the file cannot be made the code goes back as it is: it was too dear to be thrown away.
        with contextlib.suppress(OSError):
            write_new_file(Path(request["output"]), code)
            return {**answer, "is_written": True}, bytearray()
    return {**answer, "is_written": False}, code


def _limit_cpu(seconds: float) -> None:
    """From now on the process may use so much processor time before the system ends it."""
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _return_memory() -> None:
    """Compiling takes a hundred megabytes that the C library would keep; where it can be asked, it gives them back."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _settle(hello: Mapping[str, Any]) -> ModuleCompiler:
    """Make the process what it is to be; raises when wasmtime cannot be had."""
    if sys.platform != "win32":
        import resource

        # The limit must end the process though whoever started us ignores it, and a crash leaves no core file.
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        os.nice(int(hello["niceness"]))
    # If memory runs out, let it be this process that the kernel picks.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    sys.path[:] = hello["path"]
    import wasmtime  # noqa: F401 (here, so that a failure is told in the first answer)

    return ModuleCompiler(hello["settings"])


def _private_stdout() -> BinaryIO:
    """The pipe to the engine under a number of its own: what anything prints to stdout must not get into it."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return answers


def main() -> NoReturn:
    """Settle, then compile until the input ends."""
    source, answers = sys.stdin.buffer, _private_stdout()
    requests: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue(maxsize=1)

    def listen() -> None:
        # Beside the compilation, so that the end of the input is noticed during one.
        try:
            while True:
                requests.put(read_frame(source))
        finally:
            os._exit(0)

    try:
        hello, _ = read_frame(source)
        compiler = _settle(hello)
        write_frame(answers, {})
    except Exception as error:
        with contextlib.suppress(OSError):
            write_frame(answers, {"error": f"{type(error).__name__}: {error}"[:_TEXT_LIMIT]})
        os._exit(1)
    threading.Thread(target=listen, daemon=True).start()
    try:
        _serve(requests, answers, compiler)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
