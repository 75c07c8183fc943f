"""Events on stdout, one line each, written by a thread of its own: a reader that stalls never stops the engine."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from engine.events import Event
from workbench.cli.output import print_lines

CAPACITY: Final = 10_000
"""Facts that wait for a slow reader; the oldest fall out and are counted."""


class FactWriter:
    """Subscribe `take` to the bus; every event comes out as the lines that `render` makes of it.

    `render_loss` words how many facts were lost. `on_gone` is called once, on the writer's thread, when nobody reads
    any more. Whoever starts it closes it.
    """

    def __init__(
        self,
        render: Callable[[Event], list[str]],
        render_loss: Callable[[int], str],
        on_gone: Callable[[], object],
    ) -> None:
        self._render = render
        self._render_loss = render_loss
        self._on_gone = on_gone
        self._waiting: deque[Event] = deque()
        self._lost = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="facts", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Queue an event; any thread, never blocks on the output."""
        with self._changed:
            if self._is_closed:
                return
            if len(self._waiting) >= CAPACITY:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append(event)
            self._changed.notify()

    def close(self, limit_s: float) -> None:
        """Write what waits, for at most `limit_s` seconds; idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(limit_s)

    def _write(self) -> None:
        while batch := self._next_batch():
            try:
                print_lines(batch)
            except BrokenPipeError:
                with self._changed:
                    self._is_closed = True
                    self._waiting.clear()
                self._on_gone()
                return

    def _next_batch(self) -> list[str]:
        """The lines of everything that waits, as soon as something does; empty at the end."""
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                events, self._waiting = self._waiting, deque()
                lost, self._lost = self._lost, 0
                is_over = self._is_closed and not events
            lines = [self._render_loss(lost)] if lost else []
            for event in events:
                lines += self._render(event)
            if lines or is_over:
                return lines
