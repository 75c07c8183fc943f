"""The terminal around the full screen: whether there is one, where stray output goes, what signals do.

Imports no terminal library; everything here is put back in order when its context ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import io
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

MAX_LOG_BYTES: Final = 1 << 20
"""Size at which the file for stray output is emptied."""
_READ_BYTES: Final = 64 << 10
"""Stray output read in one look; a flood is not read in full."""

_USE_INSTEAD: Final = "Use `workbench call` or `workbench watch` instead: they need no terminal."


def screen_problem(environ: Mapping[str, str], stdin: TextIO | None, stderr: TextIO | None) -> str | None:
    """Why the full screen cannot open here, and what to do; None when it can.

    Standard output may go elsewhere: the screen is drawn on standard error, keys are read from standard input.
    """
    for stream, name in ((stdin, "standard input"), (stderr, "standard error")):
        if not _is_terminal(stream):
            return f"the full screen needs a terminal, but {name} is not one. {_USE_INSTEAD}"
    term = environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        said = f"TERM is {term}" if term else "TERM is not set"
        return f"the full screen needs a terminal that can move its cursor, but {said}. {_USE_INSTEAD}"
    return None


def exit_on_signals(loop: asyncio.AbstractEventLoop, leave: Callable[[int], None]) -> Callable[[], None]:
    """Call `leave(128 + number)` on TERM, HUP and INT, on the loop; the returned function takes that back.

    Without it the terminal stays raw after TERM, and an ignored HUP leaves a process that spins.
    """
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, leave, 128 + number)

    def remove() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    return remove


class StrayLog:
    """The bounded file that takes what native code and child processes write while the screen is drawn.

    A file and not a pipe: a thread that holds the interpreter lock and fills a pipe would wait for ever.
    """

    def __init__(self, path: Path | None, *, max_bytes: int = MAX_LOG_BYTES) -> None:
        """Begin an empty file at `path`; where that fails, or for None, a file without a name."""
        self.max_bytes = max_bytes
        self.skipped_bytes = 0
        """Output that was never read because it came too fast."""
        self._fd = _open_log(path)
        self._offset = 0
        self._rest = b""

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        """Close the file; what was redirected to it keeps it open. May be called more than once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read_new(self) -> list[str]:
        """Complete lines that were written since the last look; twice a second is often enough.

        Never raises: a file that cannot be read has no news.
        """
        try:
            size_bytes = os.fstat(self._fd).st_size
            start = max(self._offset, size_bytes - _READ_BYTES)
            self.skipped_bytes += start - self._offset
            data = os.pread(self._fd, _READ_BYTES, start) if size_bytes > start else b""
            self._offset = start + len(data)
            if self._offset > self.max_bytes:
                # Written in append mode, so the next output begins at the start again.
                os.ftruncate(self._fd, 0)
                self._offset = 0
        except OSError:
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _READ_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return [line.decode("utf-8", "replace") for line in lines]


@contextlib.contextmanager
def output_moved_to(log: StrayLog) -> Iterator[None]:
    """Send file descriptors 1 and 2 to `log`, while Python's own streams keep the terminal under other numbers.

    Textual draws on `sys.__stderr__`; anything written to the descriptors themselves would land on the screen.
    Crash reports of native code (faulthandler) go to the log too.
    """
    names = ("stdout", "stderr")
    streams: dict[str, object] = {name: getattr(sys, name) for name in (*names, "__stdout__", "__stderr__")}
    for name in names:
        _flush(streams[name])
    kept = {name: os.dup(number) for number, name in enumerate(names, start=1)}
    had_faulthandler = faulthandler.is_enabled()
    try:
        for number, name in enumerate(names, start=1):
            terminal = open(  # noqa: SIM115  # closed with the descriptor below
                kept[name], "w", encoding="utf-8", errors="replace", buffering=1, closefd=False
            )
            vars(sys)[name] = vars(sys)[f"__{name}__"] = terminal
            os.dup2(log.fileno(), number)
        faulthandler.enable(2)
        yield
    finally:
        for number, name in enumerate(names, start=1):
            _flush(getattr(sys, f"__{name}__"))
            os.dup2(kept[name], number)
            os.close(kept[name])
        vars(sys).update(streams)
        if not had_faulthandler:
            faulthandler.disable()


def _open_log(path: Path | None) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC
    if path is not None:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            # A link that somebody else put there is not followed.
            return os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        number, name = tempfile.mkstemp(prefix="workbench-")
        os.close(number)
        try:
            return os.open(name, flags)
        finally:
            os.unlink(name)
    except OSError:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False  # closed


def _flush(stream: object) -> None:
    if isinstance(stream, io.TextIOBase):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
