"""The engine's side of one compiler process: started, asked, and killed at any moment from any thread."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from engine.wasm import compile_worker
from engine.wasm.compile_worker import read_frame, write_frame
from engine.wasm.runtime import ENGINE_SETTINGS
from engine.wasm.tier import Tier

PROGRAM: Final = Path(compile_worker.__file__)

_NICENESS: Final = 10
"""Of a process that compiles while nobody waits for it."""
_LEAVING_S: Final = 1.0
"""From the last word of a process to its end."""
_KEPT_VARIABLES: Final = (
    # What an interpreter may need to find its libraries, and how many threads its compiler may use; nothing else.
    "DYLD_LIBRARY_PATH",
    "LD_LIBRARY_PATH",
    "PATH",
    "RAYON_NUM_THREADS",
    "SYSTEMROOT",
)


class ModuleRefused(Exception):
    """The compiler does not take the module; the text says why."""


class CompilerDied(Exception):
    """The process ended in the middle of a compilation; the text says how."""


class NoCompiler(Exception):
    """A compiler process cannot be started; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOrder:
    """One compilation to be done."""

    read: Callable[[], bytes]
    """The module, read on a thread when its turn has come; what it raises is handed on."""
    tier: Tier
    output: Path | None
    """A file to be made for the code; None, or one that cannot be made, brings the code itself."""
    cpu_s: float
    """Processor time that it may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledCode:
    """What came of an order."""

    artifact: Path | bytes | bytearray
    code_bytes: int
    compile_ns: int
    """Inside the compiler, waiting and handing over not included."""


class CompileProcess:
    """A process of `compile_worker`; `compile` blocks, one at a time, `kill` may come from any thread at any time.

    The process leads a group of its own, so that Ctrl-C in the terminal does not reach it, and ends by itself when
    this one does.
    """

    def __init__(self, *, program: Path, is_background: bool) -> None:
        self.is_background = is_background
        self._program = program
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed_because: str | None = None

    @property
    def pid(self) -> int | None:
        """None before the first order."""
        return None if self._process is None else self._process.pid

    @property
    def is_alive(self) -> bool:
        """It can take an order; one that was not started yet can."""
        return self._killed_because is None and (self._process is None or self._process.poll() is None)

    def compile(self, order: CompileOrder) -> CompiledCode:
        """Do one order, starting the process if need be.

        Raises `ModuleRefused`, `CompilerDied` (the process is gone then), `NoCompiler`, and what reading raises.
        """
        process = self._process or self._start()
        data = order.read()
        try:
            return self._ask(process, order, data)
        except BaseException as error:
            if order.output is not None:
                with contextlib.suppress(OSError):
                    order.output.unlink()
            if isinstance(error, ModuleRefused):
                raise
            self._end(process, is_leaving=isinstance(error, (OSError, EOFError)))
            if isinstance(error, (OSError, EOFError)):
                raise CompilerDied(self._last_words(process, order)) from error
            if isinstance(error, (ValueError, KeyError, TypeError)):
                raise CompilerDied("the compiler process gave an answer that makes no sense") from error
            raise

    def kill(self, reason: str) -> None:
        """End the process at once; a compilation under way fails with `reason`. Returns before it is gone."""
        with self._lock:
            if self._killed_because is None:
                self._killed_because = reason
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """Kill the process and wait for its end; not while it compiles."""
        self.kill("the engine has no use for it")
        if self._process is not None:
            self._end(self._process)

    # --- inside

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._killed_because is not None:
                raise CompilerDied(self._killed_because)
            try:
                process = self._process = _spawn(self._program)
            except OSError as error:
                raise NoCompiler(f"{sys.executable or 'python'}: {error.strerror or error}") from error
        hello = {
            "path": [entry for entry in sys.path if entry],
            "settings": dict(ENGINE_SETTINGS),
            "niceness": _NICENESS if self.is_background else 0,
        }
        try:
            write_frame(_input(process), hello)
            answer, _ = read_frame(_output(process))
        except (OSError, EOFError) as error:
            self._end(process, is_leaving=True)
            if self._killed_because is not None:
                raise CompilerDied(self._killed_because) from error
            raise NoCompiler(f"the process {_ending(process.returncode)} when it started") from error
        except ValueError as error:
            self._end(process)
            raise NoCompiler(f"the process answered something else when it started: {error}") from error
        if "error" in answer:
            self._end(process)
            raise NoCompiler(str(answer["error"]))
        return process

    def _ask(self, process: subprocess.Popen[bytes], order: CompileOrder, data: bytes) -> CompiledCode:
        output = None if order.output is None else str(order.output)
        request: Mapping[str, Any] = {"tier": order.tier.value, "output": output, "cpu_s": order.cpu_s}
        write_frame(_input(process), request, data)
        answer, code = read_frame(_output(process))
        if "error" in answer:
            raise ModuleRefused(str(answer["error"]))
        is_written = bool(answer["is_written"]) and order.output is not None
        return CompiledCode(
            artifact=cast("Path", order.output) if is_written else code,
            code_bytes=int(answer["code_bytes"]),
            compile_ns=int(answer["compile_ns"]),
        )

    def _last_words(self, process: subprocess.Popen[bytes], order: CompileOrder) -> str:
        if self._killed_because is not None:
            return self._killed_because
        if sys.platform != "win32" and process.returncode == -signal.SIGXCPU:
            return f"it takes more than {order.cpu_s:g} s of processor time (Workbench.Limits.CompileCPU)"
        if sys.platform != "win32" and process.returncode == -signal.SIGKILL:
            return "the compiler process was killed from outside (SIGKILL), as the system does when memory runs out"
        return f"the compiler process {_ending(process.returncode)}"

    def _end(self, process: subprocess.Popen[bytes], *, is_leaving: bool = False) -> None:
        """See the process off: nothing of it is left afterwards. One that is leaving may first say by itself why."""
        if is_leaving:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LEAVING_S)
        with self._lock:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what it was not told any more
                    stream.close()


def _spawn(program: Path) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise FileNotFoundError(0, "this interpreter does not know its own program")
    # Isolated, without site packages of its own and without bytecode files: it gets the path to look in by its input.
    command = [sys.executable, "-I", "-S", "-B", str(program)]
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return subprocess.Popen(command, env=environment, creationflags=flags, **streams)
    # A group within the same session: niceness is weighed against the engine's own threads only within one.
    return subprocess.Popen(command, env=environment, process_group=0, **streams)


def _input(process: subprocess.Popen[bytes]) -> BinaryIO:
    return cast("BinaryIO", process.stdin)


def _output(process: subprocess.Popen[bytes]) -> BinaryIO:
    return cast("BinaryIO", process.stdout)


def _ending(code: int | None) -> str:
    """How a process ended, in words."""
    if code is not None and code < 0:
        try:
            return f"crashed ({signal.Signals(-code).name})"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with exit status {code}"
