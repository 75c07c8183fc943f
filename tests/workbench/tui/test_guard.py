"""The guard and the redirected descriptors, in a real pseudo-terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, environment_for

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.pty


def environment(home: Path) -> dict[str, str]:
    return environment_for(home, PYTHONPATH=str(ROOT))


def command(stray_log: Path) -> list[str]:
    return [sys.executable, "-m", "tests.workbench.tui.guarded_app", str(stray_log)]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(command(tmp_path / "stray.log"), env=environment(tmp_path), cwd=ROOT) as opened:
        opened.wait_for("ready for keys")
        yield opened


def test_the_status_of_the_program_is_the_status_of_the_guard(terminal: Terminal) -> None:
    terminal.press("q")
    assert terminal.wait_exit() == 7
    assert terminal.leftovers() == []


def test_an_abort_leaves_the_terminal_whole_and_is_reported(terminal: Terminal) -> None:
    terminal.press("a")
    assert terminal.wait_exit() == 128 + signal.SIGABRT
    assert terminal.leftovers() == []
    screen = terminal.text()
    assert "the program was ended by SIGABRT" in screen
    assert "Fatal Python error: Aborted" in screen


def test_an_exception_leaves_the_terminal_whole_and_shows_its_traceback(terminal: Terminal) -> None:
    terminal.press("x")
    assert terminal.wait_exit() == 1
    assert terminal.leftovers() == []
    assert "a crash with a traceback" in terminal.text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_program_and_leaves_the_terminal_whole(terminal: Terminal, number: signal.Signals) -> None:
    terminal.send_signal(number)
    assert terminal.wait_exit() == 128 + number
    assert terminal.leftovers() == []


def test_a_killed_guard_takes_the_program_with_it(terminal: Terminal) -> None:
    terminal.send_signal(signal.SIGKILL)
    assert terminal.wait_exit() == -signal.SIGKILL
    terminal.wait_gone("ready for keys")


def test_what_is_written_past_the_screen_goes_to_the_file(terminal: Terminal) -> None:
    terminal.press("w")
    screen = terminal.wait_for("stray three")
    assert r"'stray one'; 'stray \x1b[31mtwo'; 'stray three'" in screen
    terminal.press("q")
    assert terminal.wait_exit() == 7


def wait_for_prompt(terminal: Terminal) -> None:
    """Wait until the shell reads again: what is typed while the program gives the terminal back is thrown away."""
    terminal.wait_until(lambda screen: screen.rstrip().endswith("\nshell>"), what="the prompt of the shell")


def test_suspend_and_back_from_a_shell(tmp_path: Path) -> None:
    line = " ".join(command(tmp_path / "stray.log"))
    shell = ["/bin/sh", "-i"]
    with Terminal(shell, env=environment(tmp_path) | {"PS1": "shell> "}, cwd=ROOT) as terminal:
        terminal.wait_for("shell>")
        terminal.write(f"{line}; echo status $?\n")
        terminal.wait_for("ready for keys")
        for _ in range(2):
            terminal.press("z")
            wait_for_prompt(terminal)
            terminal.write("echo in the $((1 + 1))nd shell\n")
            terminal.wait_for("in the 2nd shell")
            terminal.write("fg\n")
            terminal.wait_for("ready for keys")
        # Once at the start and once for each return: a second SIGCONT would have set the screen up twice.
        assert terminal.raw().count(b"\x1b[?1049h") == 3
        terminal.press("q")
        wait_for_prompt(terminal)
        terminal.write("echo still $((40 + 2))\n")
        terminal.wait_for("still 42")


def test_without_a_terminal_the_program_runs_unguarded(tmp_path: Path) -> None:
    code = "import os; from workbench.tui.guard import run_guarded; parent = os.getpid()\n"
    code += "raise SystemExit(run_guarded(lambda: 3 if os.getpid() == parent else 4))"
    ran = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert ran.returncode == 3
