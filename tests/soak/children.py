"""Programs of the long runs that may die: each in a process of its own, its lines of output read as they come."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

_REPOSITORY: Final = Path(__file__).parents[2]
_KEPT_LINES: Final = 10_000
_END_LIMIT_S: Final = 30.0


class Child:
    """A module of the tests, run as a program in a process group of its own."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._errors: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue(_KEPT_LINES)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._readers = (
            threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        )
        for reader in self._readers:
            reader.start()

    def line(self, timeout_s: float) -> str | None:
        """The next line of output; None when the output ended. Raises `TimeoutError`."""
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None

    def kill(self) -> None:
        """End the process, not its group, as the system would when memory runs out."""
        self._process.send_signal(signal.SIGKILL)

    def end(self) -> int:
        """Wait for the end of the process and of its output; the exit status, negative for a signal."""
        status = self._process.wait(_END_LIMIT_S)
        # Whoever inherited the output, and did not end with the process, would keep the readers reading.
        for reader in self._readers:
            reader.join(_END_LIMIT_S)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        return status

    def leaves_nobody_behind(self, limit_s: float) -> bool:
        """Whether the processes that it started are gone too, within so many seconds after its end."""
        end_s = time.monotonic() + limit_s
        pause = threading.Event()
        while True:
            try:
                os.killpg(self._process.pid, 0)
            except ProcessLookupError:
                return True
            except PermissionError:
                return False
            if time.monotonic() > end_s:
                os.killpg(self._process.pid, signal.SIGKILL)
                return False
            pause.wait(0.02)

    @property
    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        return " | ".join(self._errors[:3] + self._errors[-5:])

    def _read(self, stream: IO[str] | None) -> None:
        assert stream is not None
        for line in stream:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self, stream: IO[str] | None) -> None:
        assert stream is not None
        for line in stream:
            if len(self._errors) < _KEPT_LINES:
                self._errors.append(line.rstrip("\n"))
