"""Standard streams that the shell closed, or that take nothing: a line on stderr and a status, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOT_WRITTEN = "workbench: cannot write to standard output: {}\n"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder with a broken plugin: enough for a row, a complaint and a fact."""
    broken = tmp_path / "plugins" / "broken"
    broken.mkdir(parents=True)
    (broken / "manifest.json").write_text("{")
    return tmp_path / "plugins"


def run(plugins: Path, redirection: str, *words: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `workbench` with these words, or Python code, below a shell with this redirection."""
    program = ["-c", code] if code is not None else ["-m", "workbench", *words]
    return subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, *program],
        capture_output=True,
        text=True,
        cwd=plugins.parent,
        env={"HOME": str(plugins.parent), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=30,
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["call", "x", "GetArtistMBID", "--template"],
        ["config"],
        ["plugin", "list", "--plugins", "plugins"],
        ["watch", "plugins"],
        ["watch", "plugins", "--json"],
    ],
    ids=" ".join,
)
def test_a_command_that_cannot_print_says_so_and_fails(plugins: Path, words: list[str]) -> None:
    ended = run(plugins, ">&-", *words)
    assert (ended.returncode, ended.stderr) == (1, NOT_WRITTEN.format("Bad file descriptor"))


@needs_full
@pytest.mark.parametrize("words", [["--help"], ["config"]], ids=" ".join)
def test_a_full_disk_behind_stdout_is_told_of_the_help_too(plugins: Path, words: list[str]) -> None:
    ended = run(plugins, ">/dev/full", *words)
    assert (ended.returncode, ended.stderr) == (1, NOT_WRITTEN.format("No space left on device"))


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["nonsense"], 2, 'unknown command "nonsense"'),
        (["call", "nobody", "GetArtistMBID", "--plugins", "plugins"], 2, "nobody"),
        (["plugin", "info", "broken", "--plugins", "plugins"], 1, "manifest"),
        (["."], 1, "the full screen needs a terminal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_prints_nothing_does_not_mind_a_closed_stdout(
    plugins: Path, words: list[str], status: int, complaint: str
) -> None:
    ended = run(plugins, ">&-", *words)
    assert ended.returncode == status
    assert complaint in ended.stderr
    assert "standard output" not in ended.stderr


@pytest.mark.parametrize("redirection", ["2>&-", pytest.param("2>/dev/full", marks=needs_full)])
def test_a_complaint_that_nobody_can_read_changes_neither_status_nor_output(plugins: Path, redirection: str) -> None:
    for words, status, out in (
        (["nonsense"], 2, ""),
        (["plugin", "list", "--plugins", "plugins"], 0, "broken"),
    ):
        ended = run(plugins, redirection, *words)
        assert (ended.returncode, ended.stderr) == (status, "")
        assert out in ended.stdout
        assert bool(ended.stdout) == bool(out)


def test_with_both_outputs_closed_the_status_still_tells(plugins: Path) -> None:
    assert run(plugins, ">&- 2>&-", "config").returncode == 1
    assert run(plugins, ">&- 2>&-", "nonsense").returncode == 2


def test_a_request_from_a_closed_stdin_is_a_usage_error(plugins: Path) -> None:
    ended = run(plugins, "<&-", "call", "x", "GetArtistMBID", "-d", "-")
    assert ended.returncode == 2
    assert ended.stderr == "workbench: cannot read the request from standard input: Bad file descriptor\n"


def test_a_question_that_a_closed_stdin_cannot_answer_is_answered_no(plugins: Path) -> None:
    ended = run(
        plugins,
        "<&-",
        code="from workbench.cli import streams, diagnostics\n"
        "streams.prepare_streams()\n"
        "print(repr(diagnostics.ask('really? ')))",
    )
    assert (ended.stdout, ended.stderr) == ("''\n", "really? ")


def test_no_file_ever_gets_the_descriptor_of_a_closed_stream(plugins: Path) -> None:
    code = (
        "import os, sys\n"
        "from workbench.cli.streams import prepare_streams\n"
        "prepare_streams()\n"
        "file = open('kept', 'w')\n"
        "os._exit(0 if file.fileno() > 2 and sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2 else 1)"
    )
    assert run(plugins, "<&- >&- 2>&-", code=code).returncode == 0
