"""The script that CI uses to open the full screen, against small programs that behave and misbehave."""

from __future__ import annotations

import sys

import pytest

from tests.e2e import start_screen

pytestmark = pytest.mark.pty


def run(code: str, *options: str) -> int:
    return start_screen.main(["--limit", "5", *options, "--", sys.executable, "-I", "-c", code])


def test_a_program_that_shows_the_texts_and_quits_cleanly_passes(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import tty, termios; old = termios.tcgetattr(0); tty.setcbreak(0); print('hello', flush=True)\n"
    code += "import sys; assert sys.stdin.read(1) == 'q'; termios.tcsetattr(0, termios.TCSANOW, old)"
    assert run(code, "--expect", "hello") == 0
    assert "'hello' is on the screen" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print('other')", "waiting for the texts ('hello',)"),
        ("import tty, sys; tty.setraw(0); print('hello', flush=True); sys.stdin.read(1)", "termios settings differ"),
        ("print('hello'); raise SystemExit(3)", "exit status 3"),
        (r"print('hello\x1b[?1003h', flush=True)", "private mode 1003 is on"),
    ],
)
def test_a_program_that_does_not_is_named_with_the_reason(
    code: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(code, "--expect", "hello") == 1
    assert reason in capfd.readouterr().err
