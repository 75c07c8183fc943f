"""Commands are run with their own group, their output comes as lines, and nothing of them is left over."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from engine.calls import OutputStream
from tests.waiting import wait_until
from workbench.devloop.processes import MAX_LINE_CHARS, MAX_LINES, LineSplitter, run_command

STDOUT, STDERR = OutputStream.STDOUT, OutputStream.STDERR


class Lines:
    """Collects output."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, OutputStream]] = []
        self.first = asyncio.Event()

    def __call__(self, line: str, stream: OutputStream) -> None:
        self.lines.append((line, stream))
        self.first.set()

    def of(self, stream: OutputStream) -> list[str]:
        return [line for line, origin in self.lines if origin is stream]


async def _run(folder: Path, script: str, lines: Lines, *, limit_s: float = 10.0) -> int:
    return await run_command(["sh", "-c", script], folder=folder, env=os.environ, on_line=lines, limit_s=limit_s)


@pytest.fixture
async def lines() -> Lines:
    return Lines()


@pytest.fixture
def lifeline(tmp_path: Path) -> int:
    """Reads from a pipe that a process holds open as long as it lives."""
    os.mkfifo(tmp_path / "alive")
    os.mkfifo(tmp_path / "never")
    return os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)


def _is_held(lifeline: int) -> bool:
    try:
        return os.read(lifeline, 1) != b""
    except BlockingIOError:
        return True


async def test_output_status_and_folder_are_those_of_the_command(tmp_path: Path, lines: Lines) -> None:
    status = await _run(tmp_path, "pwd -L; echo oh no >&2; printf unfinished; exit 7", lines)
    assert status == 7
    assert lines.of(STDOUT) == [str(tmp_path), "unfinished"]
    assert lines.of(STDERR) == ["oh no"]


async def test_a_signal_is_a_negative_status(tmp_path: Path, lines: Lines) -> None:
    assert await _run(tmp_path, "kill -KILL $$", lines) == -9


async def test_the_command_has_no_terminal_and_nothing_to_read(tmp_path: Path, lines: Lines) -> None:
    script = "import os, sys; print(sys.stdin.read() == '', os.getsid(0) == os.getpid())"
    await run_command([sys.executable, "-c", script], folder=tmp_path, env={}, on_line=lines, limit_s=10)
    assert lines.of(STDOUT) == ["True True"]


async def test_a_command_that_is_not_there_is_an_os_error(tmp_path: Path, lines: Lines) -> None:
    with pytest.raises(FileNotFoundError):
        await run_command(["no-such-command"], folder=tmp_path, env=os.environ, on_line=lines, limit_s=10)


async def test_a_cancelled_command_is_ended_with_everything_it_started(
    tmp_path: Path, lines: Lines, lifeline: int
) -> None:
    work = asyncio.ensure_future(_run(tmp_path, "exec 3> alive; sh -c 'echo begun; read line < never'", lines))
    await lines.first.wait()
    assert _is_held(lifeline)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not _is_held(lifeline)
    os.close(lifeline)


async def test_a_command_that_ignores_the_polite_signal_is_ended_all_the_same(
    tmp_path: Path, lines: Lines, lifeline: int
) -> None:
    work = asyncio.ensure_future(
        _run(tmp_path, "trap '' TERM; exec 3> alive; sh -c 'echo begun; read line < never'", lines)
    )
    await lines.first.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not _is_held(lifeline)
    os.close(lifeline)


async def test_a_command_that_takes_too_long_is_ended(tmp_path: Path, lines: Lines, lifeline: int) -> None:
    with pytest.raises(TimeoutError):
        await _run(tmp_path, "exec 3> alive; read line < never", lines, limit_s=0.2)
    assert not _is_held(lifeline)
    os.close(lifeline)


async def test_a_background_process_that_keeps_the_pipes_does_not_hold_up_the_end(
    tmp_path: Path, lines: Lines, lifeline: int
) -> None:
    status = await _run(tmp_path, "exec 3> alive; sh -c 'read line < never' & echo done", lines)
    assert (status, lines.of(STDOUT)) == (0, ["done"])
    assert not _is_held(lifeline)
    os.close(lifeline)


async def test_a_background_process_without_pipes_is_ended_with_the_command(
    tmp_path: Path, lines: Lines, lifeline: int
) -> None:
    script = "exec 3> alive; sh -c 'read line < never' > /dev/null 2>&1 & echo done"
    assert await _run(tmp_path, script, lines) == 0
    wait_until(lambda: not _is_held(lifeline), limit_s=2, what="the background process to be gone")
    os.close(lifeline)


async def test_a_flood_of_lines_is_cut_and_counted(tmp_path: Path, lines: Lines) -> None:
    await _run(tmp_path, f"yes | head -n {MAX_LINES + 5}", lines)
    assert len(lines.lines) == MAX_LINES + 1
    assert lines.lines[-1] == ("… 5 more lines are not shown", STDERR)


def test_lines_are_split_wherever_the_bytes_are_cut() -> None:
    data = "grün\r\n\nzwei\rdrei\n".encode()
    for cut in range(len(data) + 1):
        splitter = LineSplitter()
        lines = splitter.feed(data[:cut]) + splitter.feed(data[cut:]) + splitter.feed(b"", is_last=True)
        assert lines == ["grün", "zwei", "drei"]


def test_a_long_line_is_cut_once_and_what_follows_it_is_whole() -> None:
    splitter = LineSplitter()
    lines = [line for _ in range(10) for line in splitter.feed(b"x" * 3000)] + splitter.feed(b"\nnext\n")
    assert lines == ["x" * MAX_LINE_CHARS + "…", "next"]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert LineSplitter().feed(b"a\xffb\n") == ["a\ufffdb"]
