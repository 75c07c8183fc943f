from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.tui.terminal import StrayLog, screen_problem

ROOT = Path(__file__).parents[3]


class _Stream(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


TTY = _Stream(is_terminal=True)
PIPE = _Stream(is_terminal=False)


def write(log: StrayLog, data: bytes) -> None:
    os.write(log.fileno(), data)


def test_new_lines_are_read_once_and_only_when_complete(tmp_path: Path) -> None:
    log = StrayLog(tmp_path / "stray.log")
    write(log, b"one\ntw")
    assert log.read_new() == ["one"]
    assert log.read_new() == []
    write(log, b"o \xff\n")
    assert log.read_new() == ["two \ufffd"]
    log.close()
    log.close()
    assert log.read_new() == []


def test_the_file_is_private_and_emptied_when_it_is_full(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "stray.log"
    log = StrayLog(path, max_bytes=100)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write(log, b"x" * 150 + b"\n")
    assert log.read_new() == ["x" * 150]
    assert path.stat().st_size == 0
    write(log, b"after\n")
    assert log.read_new() == ["after"]
    log.close()


def test_a_flood_is_skipped_and_counted(tmp_path: Path) -> None:
    log = StrayLog(tmp_path / "stray.log", max_bytes=1 << 30)
    write(log, b"0123456789\n" * 100_000)
    lines = log.read_new()
    assert lines[-1] == "0123456789"
    assert len(lines) < 7000
    assert log.skipped_bytes == 1_100_000 - (64 << 10)
    log.close()


def test_a_line_without_end_does_not_grow_for_ever(tmp_path: Path) -> None:
    log = StrayLog(tmp_path / "stray.log")
    for _ in range(3):
        write(log, b"x" * 40_000)
        lines = log.read_new()
    assert [len(line) for line in lines] == []
    write(log, b"\n")
    assert [len(line) for line in log.read_new()] == [40_000]
    log.close()


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "stray.log").symlink_to(victim)
    log = StrayLog(tmp_path / "stray.log")
    write(log, b"elsewhere\n")
    assert log.read_new() == ["elsewhere"]
    assert victim.read_text() == "precious"
    log.close()


def test_descriptors_and_streams_come_back_as_they_were(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from workbench.tui.terminal import StrayLog, output_moved_to
log = StrayLog(Path(sys.argv[1]))
before = (sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__)
with output_moved_to(log):
    os.write(1, b"past 1\\n")
    os.write(2, b"past 2\\n")
    print("python's own output")
    print("python's own error", file=sys.__stderr__)
assert before == (sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__)
os.write(1, b"descriptor again\\n")
assert log.read_new() == ["past 1", "past 2"], "the log"
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "stray.log")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == "python's own error\n"
    assert ran.stdout == "python's own output\ndescriptor again\n"
    assert ran.returncode == 0


@pytest.mark.parametrize(
    ("stdin", "stderr", "term", "said"),
    [
        (PIPE, TTY, "xterm", "standard input is not one"),
        (None, TTY, "xterm", "standard input is not one"),
        (TTY, PIPE, "xterm", "standard error is not one"),
        (TTY, TTY, "dumb", "TERM is dumb"),
        (TTY, TTY, "", "TERM is not set"),
    ],
)
def test_without_a_usable_terminal_the_reason_and_a_way_out_are_told(
    stdin: _Stream | None, stderr: _Stream, term: str, said: str
) -> None:
    problem = screen_problem({"TERM": term}, stdin, stderr)
    assert problem is not None
    assert said in problem
    assert "Use `workbench call`" in problem


def test_a_closed_stream_is_no_terminal() -> None:
    closed = _Stream(is_terminal=True)
    closed.close()
    assert screen_problem({"TERM": "xterm"}, io.StringIO(), TTY) is not None
    assert screen_problem({"TERM": "xterm-256color"}, TTY, TTY) is None
