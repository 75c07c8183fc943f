"""Waiting for a condition of another thread or process, with a limit and a message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def wait_until(predicate: Callable[[], bool], *, limit_s: float = 30.0, what: str) -> None:
    """Return as soon as `predicate()` holds; fail the test when it does not within `limit_s` seconds."""
    pause = threading.Event()
    end = time.monotonic() + limit_s
    while not predicate():
        if time.monotonic() > end:
            raise AssertionError(f"gave up after {limit_s} s waiting for {what}")
        pause.wait(0.005)
