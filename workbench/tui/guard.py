"""A small parent process that mends the terminal when the full screen dies without a chance to do so itself.

Native code may abort the process, and nothing in it can clean up then. Call this before threads exist and
before heavy imports, so that the fork is cheap and safe.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sys
import termios
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from workbench.inert import display_text

_RESET: Final = (
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # mouse reports
    "\x1b[?1004l\x1b[?2004l\x1b[?2048l"  # focus, paste and size reports
    "\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[0m"  # line wrap, plain keys, normal screen, cursor, colours
)
_TAIL_LINES: Final = 12
_TAIL_BYTES: Final = 64 << 10
_CRASH_MARK: Final = "Fatal Python error"
"""Where faulthandler's own report begins; what native code said stands before it, a long stack after it."""
_RESUME_WAIT_S: Final = 0.1
"""How long the news that a shell woke the child together with this process may take."""


def run_guarded(program: Callable[[], int], *, stray_log: Path | None = None) -> int:
    """Run `program` in a child process and return its exit status, once the terminal is in order again.

    When the child dies by a signal (also an abort or a crash of native code) the terminal is reset and the
    end of `stray_log` is printed; the status is then 128 + the signal's number. TERM, HUP and TSTP are
    passed on. Stopping the child stops this process too, so that a shell sees one job.
    Without a terminal on standard input, `program` simply runs here.
    """
    try:
        modes = termios.tcgetattr(0)
    except termios.error:
        return program()
    if threading.active_count() > 1:
        raise RuntimeError("the guard has to start before any thread does")
    sys.stdout.flush()
    sys.stderr.flush()
    life_out, life_in = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(life_in)
        _be_child(program, life_out)
    os.close(life_out)
    try:
        return _watch(child, modes, stray_log)
    finally:
        os.close(life_in)


def _be_child(program: Callable[[], int], life: int) -> None:
    """Run the program and end this process; threads that hang cannot keep it."""
    threading.Thread(target=_end_with_parent, args=(life,), name="guard-life", daemon=True).start()
    status = 1
    try:
        status = program()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status & 0xFF)


def _end_with_parent(life: int) -> None:
    """The parent holds the other end of this pipe: when it is killed, nobody else would end this process."""
    with contextlib.suppress(OSError):
        os.read(life, 1)
        os.kill(os.getpid(), signal.SIGTERM)


def _watch(child: int, modes: list[Any], stray_log: Path | None) -> int:
    with _signals_passed_to(child) as news:
        while True:
            _, state = os.waitpid(child, os.WUNTRACED)
            if os.WIFSTOPPED(state):
                os.kill(os.getpid(), signal.SIGSTOP)
                woken = _resume(child, news)
                if woken is None:
                    continue
                state = woken
            if os.WIFEXITED(state):
                return os.WEXITSTATUS(state)
            number = os.WTERMSIG(state)
            _mend(modes)
            _report(number, stray_log)
            return 128 + number


@contextlib.contextmanager
def _signals_passed_to(child: int) -> Iterator[int]:
    """Pass signals on; yields a descriptor that becomes readable when a signal has come, the child's own included."""
    news_out, news_in = os.pipe()
    os.set_blocking(news_in, False)
    os.set_blocking(news_out, False)

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    def note(_number: int, _frame: object) -> None:
        """The wake-up descriptor tells; without a handler it would not."""

    handlers: dict[signal.Signals, Any] = {
        signal.SIGTERM: pass_on,
        signal.SIGHUP: pass_on,
        signal.SIGTSTP: pass_on,
        signal.SIGCHLD: note,
        # From the keyboard they reach the child by themselves.
        signal.SIGINT: signal.SIG_IGN,
        signal.SIGQUIT: signal.SIG_IGN,
        # Mending the terminal from the background must not stop this process.
        signal.SIGTTOU: signal.SIG_IGN,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    old_news = signal.set_wakeup_fd(news_in, warn_on_full_buffer=False)
    try:
        yield news_out
    finally:
        signal.set_wakeup_fd(old_news)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(news_in)
        os.close(news_out)


def _resume(child: int, news: int) -> int | None:
    """Wake the child, unless a shell has woken both at once: a second SIGCONT would set the screen up twice.

    Returns how the child ended if it did so meanwhile.
    """
    with contextlib.suppress(BlockingIOError):
        while os.read(news, 512):
            pass
    for wait_s in (_RESUME_WAIT_S, 0.0):
        pid, state = os.waitpid(child, os.WCONTINUED | os.WNOHANG)
        if pid:
            return None if os.WIFCONTINUED(state) else state
        select.select([news], [], [], wait_s)
    os.kill(child, signal.SIGCONT)
    return None


def _mend(modes: list[Any]) -> None:
    """Leave the alternate screen, switch reports off, show the cursor, and bring the old modes back."""
    with contextlib.suppress(OSError):
        os.write(2, _RESET.encode())
    with contextlib.suppress(termios.error):
        termios.tcsetattr(0, termios.TCSANOW, modes)
        termios.tcflush(0, termios.TCIFLUSH)


def _report(number: int, stray_log: Path | None) -> None:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    print(f"workbench: the program was ended by {name}; the terminal was reset.", file=sys.stderr)
    tail = _tail(stray_log)
    if tail:
        print(f"workbench: what was written past the screen before, from {stray_log}:", file=sys.stderr)
        for line in tail:
            print(f"  {display_text(line)}", file=sys.stderr)


def _tail(stray_log: Path | None) -> list[str]:
    """The last lines before the crash and the first of its stack, or just the last lines."""
    if stray_log is None:
        return []
    try:
        with stray_log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read(_TAIL_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    end = next((row + _TAIL_LINES // 2 for row, line in enumerate(lines) if line.startswith(_CRASH_MARK)), len(lines))
    return lines[max(0, end - _TAIL_LINES) : end]
