"""Running one command of a build: own process group, own pipes, no terminal, lines as they come, always ended.

Belongs to the loop it is awaited on; `on_line` is called there and must not block.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.calls import OutputStream

MAX_LINE_CHARS: Final = 4_000
"""A longer line is cut and ends with `…`."""

MAX_LINES: Final = 20_000
"""Lines of one command that are passed on; the rest is counted."""

_GRACE_S: Final = 1.0
"""From the polite signal to the one that cannot be refused; also how long a pipe may outlive the command."""

LineSink = Callable[[str, OutputStream], None]
"""Takes one line of output, without its end."""

_STREAMS: Final = {1: OutputStream.STDOUT, 2: OutputStream.STDERR}


async def run_command(
    command: Sequence[str], *, folder: Path, env: Mapping[str, str], on_line: LineSink, limit_s: float
) -> int:
    """Run `command` in `folder` and return its exit status, negative for a signal.

    Raises `OSError` when it cannot be started and `TimeoutError` when it does not end within `limit_s`. However
    this is left, cancellation included, nothing of the command's process group still runs.
    """
    loop = asyncio.get_running_loop()
    transport, process = await loop.subprocess_exec(
        lambda: _Process(on_line),
        *command,
        cwd=folder,
        env=dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        # A session of its own: a group to signal, and no terminal to write past the screen.
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limit_s):
            await process.exited.wait()
        await _drain(transport, process)
        status = transport.get_returncode()
        assert status is not None, "the process has ended"
        return status
    finally:
        try:
            if transport.get_returncode() is None:
                await _stop(transport, process)
        finally:
            # Also after a good end: what the command left in the background may hold no pipe and still write files.
            _signal_group(transport, signal.SIGKILL)
            transport.close()
            process.finish()


class LineSplitter:
    """Bytes in, lines out: UTF-8 with U+FFFD for what is not, long lines cut, `\\r` counted as a line end too."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._is_cut = False

    def feed(self, data: bytes, *, is_last: bool = False) -> list[str]:
        """The lines that `data` completes; with `is_last` also an unfinished one."""
        pieces = (self._rest + self._decoder.decode(data, is_last).replace("\r", "\n")).split("\n")
        self._rest = pieces.pop()
        lines: list[str] = []
        for piece in pieces:
            self._add(piece, lines)
            self._is_cut = False
        if len(self._rest) > MAX_LINE_CHARS or (is_last and self._rest):
            self._add(self._rest, lines)
            self._is_cut, self._rest = not is_last, ""
        return lines

    def _add(self, piece: str, lines: list[str]) -> None:
        # What follows a cut belongs to a line that was passed on already; empty lines carry nothing.
        if piece and not self._is_cut:
            lines.append(piece if len(piece) <= MAX_LINE_CHARS else piece[:MAX_LINE_CHARS] + "…")


class _Process(asyncio.SubprocessProtocol):
    """Collects output and notes when the process, and when its pipes, came to an end."""

    def __init__(self, on_line: LineSink) -> None:
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        """The process has ended and nobody holds its pipes any more."""
        self._on_line = on_line
        self._splitters = {descriptor: LineSplitter() for descriptor in _STREAMS}
        self._lines = 0

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._pass_on(fd, self._splitters[fd].feed(data))

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def finish(self) -> None:
        """Pass on unfinished lines, and say how many were left out."""
        for descriptor, splitter in self._splitters.items():
            self._pass_on(descriptor, splitter.feed(b"", is_last=True))
        if self._lines > MAX_LINES:
            self._on_line(f"… {self._lines - MAX_LINES} more lines are not shown", OutputStream.STDERR)

    def _pass_on(self, descriptor: int, lines: list[str]) -> None:
        for line in lines:
            self._lines += 1
            if self._lines <= MAX_LINES:
                self._on_line(line, _STREAMS[descriptor])


async def _drain(transport: asyncio.SubprocessTransport, process: _Process) -> None:
    """Read what is left in the pipes; a background process that keeps them open is ended."""
    if not await _within(_GRACE_S, process.closed):
        _signal_group(transport, signal.SIGKILL)
        await _within(_GRACE_S, process.closed)


async def _stop(transport: asyncio.SubprocessTransport, process: _Process) -> None:
    """Ask the whole group to end, then make it end."""
    _signal_group(transport, signal.SIGTERM)
    await _within(_GRACE_S, process.closed)
    _signal_group(transport, signal.SIGKILL)
    await _within(_GRACE_S, process.closed)


async def _within(limit_s: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _signal_group(transport: asyncio.SubprocessTransport, number: signal.Signals) -> None:
    # The command was made the leader of its own group, so the group's number is its process id.
    try:
        os.killpg(transport.get_pid(), number)
    except (ProcessLookupError, PermissionError):
        return
