"""A program in a real pseudo-terminal, seen through a terminal emulator.

Owns the pseudo-terminal, the child and the thread that reads it; tests say which texts they expect and
which keys they press. Nothing here knows the workbench.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyte

from tests.e2e.keys import key_bytes

CURSOR_MODE: Final = 25
ALTERNATE_SCREEN: Final = 1049
SYNCHRONIZED_UPDATE: Final = 2026
"""While it is on, a frame is being painted: what is shown is the frame before it."""
MODES_TO_LEAVE_OFF: Final = (1000, 1002, 1003, 1004, 1006, 1015, 1016, ALTERNATE_SCREEN, 2004, 2048)
"""Private modes of a full-screen program that must not outlive it: mouse, focus, paste, alternate screen."""

RAW_LIMIT_BYTES: Final = 4 * 1024 * 1024
_LIFE_CHECK_S: Final = 0.25
_END_MARK: Final = 9999
"""A private mode nobody uses: written behind a program's last output, it tells when all of that was read."""
_PRIVATE_MODES = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_SYNC_QUESTION: Final = b"\x1b[?%d$p" % SYNCHRONIZED_UPDATE
_SYNC_ANSWER: Final = b"\x1b[?%d;2$y" % SYNCHRONIZED_UPDATE
_CUT_SEQUENCE = re.compile(rb"\x1b(\[[?0-9;]*)?\Z")
# Becomes the leader of the new session's terminal, then turns into the program: no fork with threads about.
_LAUNCHER = """
import fcntl, os, signal, sys, termios
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)  # whatever started the tests may have had them ignored
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class ScreenTimeout(AssertionError):
    """The screen did not come to show what was waited for; the message carries the screen."""


class Terminal:
    """One command in a pseudo-terminal of `rows` by `columns`; use it as a context manager.

    The child gets `env` alone (default: this process's) plus a `TERM`, and runs in a session of its own.
    Leaving the context kills what is left of it. Methods may be called from one thread only.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        rows: int = 24,
        columns: int = 80,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        term: str = "xterm-256color",
    ) -> None:
        self._changed = threading.Condition()
        self._screens = (pyte.Screen(columns, rows), pyte.Screen(columns, rows))
        self._streams = tuple(pyte.ByteStream(screen) for screen in self._screens)
        self._private_modes: dict[int, bool] = {}
        self._held_back = b""
        self._last_frame: tuple[list[str], int] | None = None
        """Rows and the row of the cursor as they were when the frame in the making was begun."""
        self._raw = bytearray()
        self._is_closed = False
        self._master, self._slave = os.openpty()
        self._wake_out, self._wake_in = os.pipe()
        self._set_window_size(rows, columns)
        self.modes_at_start = termios.tcgetattr(self._slave)
        environment = dict(os.environ if env is None else env) | {"TERM": term}
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="terminal-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill what is left of the program and release the terminal; may be called more than once."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._child.poll() is None:
            # The child leads a session of its own, so its group holds nothing that is not ours.
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait(10)
        if self._master >= 0:
            self.hang_up()
        for fd in (self._slave, self._wake_in, self._wake_out):
            os.close(fd)

    def hang_up(self) -> None:
        """Take the terminal away, as closing its window does; a program that still runs gets SIGHUP."""
        self._stop_reader()
        os.close(self._master)
        self._master = -1

    # What is on the screen

    def lines(self) -> list[str]:
        """The rows of the screen that is in front, without trailing blanks."""
        with self._changed:
            return self._rows()

    def text(self) -> str:
        """The screen as one text, rows joined by line ends."""
        return "\n".join(self.lines())

    def raw(self) -> bytes:
        """The newest bytes the program wrote, at most `RAW_LIMIT_BYTES`."""
        with self._changed:
            return bytes(self._raw)

    def wait_for(self, *texts: str, limit_s: float = 30.0) -> str:
        """Wait until every one of `texts` is on the screen at once; returns the screen."""
        return self.wait_until(
            lambda screen: all(text in screen for text in texts), what=f"the texts {texts}", limit_s=limit_s
        )

    def wait_gone(self, text: str, *, limit_s: float = 30.0) -> str:
        """Wait until `text` is not on the screen; returns the screen."""
        return self.wait_until(lambda screen: text not in screen, what=f"{text!r} to go", limit_s=limit_s)

    def wait_for_cursor(self, text: str, *, limit_s: float = 30.0) -> None:
        """Wait until the cursor stands in a row with `text`: a form puts it into the field that has the focus."""

        def is_there(_screen: str) -> bool:
            return text in self._rows()[self._cursor_row()]

        self.wait_until(is_there, what=f"the cursor beside {text!r}", limit_s=limit_s)

    def wait_until(self, predicate: Callable[[str], bool], *, what: str, limit_s: float = 30.0) -> str:
        """Wait until `predicate(screen text)` holds; returns that text, raises `ScreenTimeout` with the screen."""
        end = time.monotonic() + limit_s
        with self._changed:
            while True:
                screen = "\n".join(self._rows())
                if predicate(screen):
                    return screen
                remaining_s = end - time.monotonic()
                is_news = self._changed.wait(max(0.0, min(remaining_s, _LIFE_CHECK_S)))
                status = self._child.poll()
                if not is_news and (remaining_s <= 0 or status is not None):
                    state = "is running" if status is None else f"ended with status {status}"
                    raise ScreenTimeout(f"gave up waiting for {what}; the program {state}; its screen:\n{screen}")

    # What the user does

    def press(self, *keys: str) -> None:
        """Send keys: a single character, a name of `keys.KEYS`, or `ctrl+<letter>`."""
        for key in keys:
            self.write(key_bytes(key))

    def write(self, text: str) -> None:
        """Type `text` as it is."""
        os.write(self._master, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size; the program hears of it by SIGWINCH."""
        with self._changed:
            for screen in self._screens:
                screen.resize(rows, columns)
        self._set_window_size(rows, columns)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself."""
        self._child.send_signal(number)

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._child.pid

    # How it ended

    def wait_exit(self, limit_s: float = 30.0) -> int:
        """Wait for the program to end and for its last output; its exit status, negative for a signal."""
        try:
            status = self._child.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise ScreenTimeout(f"the program did not end within {limit_s} s:\n{self.text()}") from None
        if self._master >= 0:
            self._read_to_end()
        return status

    def leftovers(self) -> list[str]:
        """What the program left changed in the terminal, in words; empty when it is as it was found."""
        found = [f"private mode {mode} is on" for mode in MODES_TO_LEAVE_OFF if self._private_modes.get(mode, False)]
        if not self._private_modes.get(CURSOR_MODE, True):
            found.append("the cursor is hidden")
        if termios.tcgetattr(self._slave) != self.modes_at_start:
            found.append("the termios settings differ")
        return found

    # Inside

    def _front_index(self) -> int:
        return int(self._private_modes.get(ALTERNATE_SCREEN, False))

    def _cursor_row(self) -> int:
        return int(self._screens[self._front_index()].cursor.y) if self._last_frame is None else self._last_frame[1]

    def _rows(self) -> list[str]:
        if self._last_frame is not None:
            return self._last_frame[0]
        return [row.rstrip() for row in self._screens[self._front_index()].display]

    def _set_window_size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._wake_out], [], [])
            if self._wake_out in ready:
                return
            chunk = os.read(self._master, 65536)
            if _SYNC_QUESTION in chunk:
                os.write(self._master, _SYNC_ANSWER)
            with self._changed:
                self._feed(chunk)
                self._changed.notify_all()

    def _read_to_end(self) -> None:
        """Wait until the reader has taken everything that the ended program wrote."""
        with self._changed:
            self._private_modes.pop(_END_MARK, None)
        os.write(self._slave, b"\x1b[?%dh" % _END_MARK)
        end = time.monotonic() + 10
        with self._changed:
            while _END_MARK not in self._private_modes and time.monotonic() < end:
                self._changed.wait(_LIFE_CHECK_S)

    def _stop_reader(self) -> None:
        os.write(self._wake_in, b"x")
        self._reader.join(10)

    def _feed(self, chunk: bytes) -> None:
        self._raw += chunk
        del self._raw[:-RAW_LIMIT_BYTES]
        chunk = self._held_back + chunk
        cut = _CUT_SEQUENCE.search(chunk)
        self._held_back = chunk[cut.start() :] if cut else b""
        chunk = chunk[: cut.start()] if cut else chunk
        position = 0
        for found in _PRIVATE_MODES.finditer(chunk):
            # pyte has one screen only: the alternate one is a second emulator, chosen by the mode.
            self._streams[self._front_index()].feed(chunk[position : found.end()])
            for mode in found[1].split(b";"):
                if mode:
                    self._set_private_mode(int(mode), is_on=found[2] == b"h")
            position = found.end()
        self._streams[self._front_index()].feed(chunk[position:])

    def _set_private_mode(self, mode: int, *, is_on: bool) -> None:
        if mode == SYNCHRONIZED_UPDATE:
            self._last_frame = None
            self._last_frame = (self._rows(), self._cursor_row()) if is_on else None
        self._private_modes[mode] = is_on


def environment_for(home: Path, **extra: str) -> dict[str, str]:
    """An environment in which a program finds an empty home below `home` and no settings of this machine."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "ND_", "PYTEST_")) and name not in {"NO_COLOR", "TERM"}
    }
    folders = {"HOME": home}
    for name, folder in (
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_CACHE_HOME", ".cache"),
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_RUNTIME_DIR", ".run"),
    ):
        folders[name] = home / folder
        folders[name].mkdir(parents=True, exist_ok=True)
    return kept | {name: str(folder) for name, folder in folders.items()} | {"LANG": "C.UTF-8"} | extra
