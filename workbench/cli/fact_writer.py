"""Events on stdout, one line each, written by a thread of its own: a reader that stalls never stops the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from engine.events import EngineWarned, Event
from workbench.cli.output import print_lines
from workbench.trace.inbox import EventInbox

CAPACITY: Final = 10_000
"""Facts that wait for a slow reader; the oldest fall out and are counted."""
CAPACITY_BYTES: Final = 32 << 20
"""What these facts may weigh, roughly; beyond it the oldest fall out too."""


class FactWriter:
    """Subscribe `take` to the bus; every event comes out as the lines that `render` makes of it.

    `render_loss` words how many facts were lost. `on_gone` is called once, on the writer's thread, when stdout takes
    no more; `failure` says why. Whoever starts it closes it.
    """

    def __init__(
        self,
        render: Callable[[Event], list[str]],
        render_loss: Callable[[int], str],
        on_gone: Callable[[], object],
        *,
        max_bytes: int = CAPACITY_BYTES,
    ) -> None:
        self.failure: Exception | None = None
        """What ended the writing before `close`: an `OSError` of stdout, `BrokenPipeError` when its reader left."""
        self._render = render
        self._render_loss = render_loss
        self._on_gone = on_gone
        self._waiting = EventInbox(max_events=CAPACITY, max_bytes=max_bytes)
        self._lost_told = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="facts", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Queue an event; any thread, never blocks on the output."""
        with self._changed:
            if self._is_closed:
                return
            self._waiting.put(event)
            self._changed.notify()

    def close(self, limit_s: float) -> None:
        """Write what waits, for at most `limit_s` seconds; idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(limit_s)

    def _write(self) -> None:
        try:
            # One by one: what is under way costs no more than one event, however many wait.
            while (event := self._next()) is not None:
                print_lines(self._told(event))
        except Exception as error:
            # The fence of the thread: whoever owns the writer learns of it, instead of running on unheard.
            with self._changed:
                self.failure = error
                self._is_closed = True
                self._waiting.take(len(self._waiting))
            self._on_gone()

    def _next(self) -> Event | None:
        """The oldest event that waits, as soon as one does; None at the end."""
        with self._changed:
            while not len(self._waiting):
                if self._is_closed:
                    return None
                self._changed.wait()
            ((event, _),) = self._waiting.take(1).events
            return event

    def _told(self, event: Event) -> list[str]:
        """The lines of an event, below a line on what was lost before it."""
        lost = self._waiting.dropped - self._lost_told
        self._lost_told += lost
        lines = [self._render_loss(lost)] if lost else []
        try:
            return lines + self._render(event)
        except Exception as error:
            # The fence around one fact: the others are told all the same. The error's text may quote anything.
            summary = f"a fact cannot be shown, {type(event).__name__}: rendering it raised {type(error).__name__}"
            return lines + self._render(EngineWarned(time_ns=event.time_ns, summary=summary))
