"""The harness itself, against small programs, so that the journeys' failures are the workbench's."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.e2e.terminal import ScreenTimeout, Terminal

pytestmark = pytest.mark.pty


def python(code: str, *, rows: int = 10, columns: int = 40) -> Terminal:
    return Terminal([sys.executable, "-I", "-c", code], rows=rows, columns=columns)


def test_the_program_sees_a_terminal_of_the_size_asked_for() -> None:
    code = "import os, sys; print(sys.stdin.isatty(), *os.get_terminal_size(), os.environ['TERM'])"
    with python(code) as terminal:
        terminal.wait_for("True 40 10 xterm-256color")
        assert terminal.wait_exit() == 0
        assert terminal.leftovers() == []


def test_keys_reach_the_program_and_its_answer_the_screen() -> None:
    with python("print('name?'); print('hello ' + input())") as terminal:
        terminal.wait_for("name?")
        terminal.write("lyre")
        terminal.press("enter")
        terminal.wait_for("hello lyre")
        assert terminal.wait_exit() == 0


def test_the_alternate_screen_hides_the_first_one_until_it_is_left() -> None:
    code = r"print('below'); print('\x1b[?1049h\x1b[?25hfull', flush=True); input(); print('\x1b[?1049lback')"
    with python(code) as terminal:
        assert "below" not in terminal.wait_for("full")
        assert terminal.leftovers() == ["private mode 1049 is on"]
        terminal.press("enter")
        assert "full" not in terminal.wait_for("below", "back")
        terminal.wait_exit()
        assert terminal.leftovers() == []


def test_what_a_program_leaves_changed_is_named() -> None:
    code = r"import tty; tty.setraw(0); print('\x1b[?25l\x1b[?1003;1006h', end='', flush=True)"
    with python(code) as terminal:
        terminal.wait_exit()
        assert terminal.leftovers() == [
            "private mode 1003 is on",
            "private mode 1006 is on",
            "the cursor is hidden",
            "the termios settings differ",
        ]


def test_a_resize_reaches_the_program_as_a_signal() -> None:
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGWINCH, lambda *_: os.write(1, str(os.get_terminal_size()).encode()))\n"
        "print('ready', flush=True)\n"
        "input()"
    )
    with python(code, columns=90) as terminal:
        terminal.wait_for("ready")
        terminal.resize(30, 100)
        terminal.wait_for("columns=100, lines=30")


def test_ctrl_c_and_signals_end_the_program_with_their_status() -> None:
    code = "print('ready', flush=True); input()"
    with python(code) as terminal:
        terminal.wait_for("ready")
        terminal.press("ctrl+c")
        assert terminal.wait_exit() == -signal.SIGINT
    with python(code) as terminal:
        terminal.wait_for("ready")
        terminal.send_signal(signal.SIGTERM)
        assert terminal.wait_exit() == -signal.SIGTERM


def test_taking_the_terminal_away_hangs_the_program_up() -> None:
    with python("print('ready', flush=True); input()") as terminal:
        terminal.wait_for("ready")
        terminal.hang_up()
        assert terminal.wait_exit() == -signal.SIGHUP


def test_a_text_that_never_comes_fails_with_the_screen_in_the_message() -> None:
    expected = r"(?s)'expected'.*ended with status 0.*something else"
    with python("print('something else')") as terminal, pytest.raises(ScreenTimeout, match=expected):
        terminal.wait_for("expected")
