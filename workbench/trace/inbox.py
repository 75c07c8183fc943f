"""Where events wait between the threads that publish them and the one that shows them."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, fields
from typing import Final

from engine.calls import CallId, Outcome
from engine.events import CallFinished, CallStarted, Event, GuestWrote, HostCallFinished
from workbench.trace.records import kept_bytes

_EVENT_BYTES: Final = 400
"""What an event costs beside its texts and messages, roughly."""
_MAX_LOST_ENDS: Final = 10_000


@dataclass(frozen=True, slots=True)
class LostEnd:
    """How a call ended whose `CallFinished` had to be dropped, so that it does not seem to run for ever."""

    call_id: CallId
    outcome: Outcome
    duration_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one look into the inbox brought."""

    events: tuple[tuple[Event, int], ...]
    """Events with the `time.perf_counter_ns()` at which they arrived, oldest first."""
    lost_ends: tuple[LostEnd, ...]


class EventInbox:
    """A queue bounded by count and by bytes. When it is full the oldest events are dropped and counted.

    `put` is for any thread and takes a microsecond or two; `take` is for the reader.
    """

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Event, int, int]] = deque()
        self._waiting_bytes = 0
        self._lost_ends: deque[LostEnd] = deque(maxlen=_MAX_LOST_ENDS)
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def dropped(self) -> int:
        """Events that were never read."""
        return self._dropped

    def put(self, event: Event) -> None:
        """Add an event; never blocks for longer than the lock is held for another `put`."""
        weight_bytes = weigh(event)
        arrived_ns = time.perf_counter_ns()
        with self._lock:
            self._waiting.append((event, arrived_ns, weight_bytes))
            self._waiting_bytes += weight_bytes
            while len(self._waiting) > self._max_events or self._waiting_bytes > self._max_bytes:
                if len(self._waiting) == 1:
                    break
                self._drop_oldest()

    def take(self, limit: int) -> Taken:
        """Remove and return up to `limit` events, oldest first."""
        with self._lock:
            count = min(limit, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            self._waiting_bytes -= sum(weight_bytes for _, _, weight_bytes in batch)
            lost_ends = tuple(self._lost_ends)
            self._lost_ends.clear()
        return Taken(events=tuple((event, arrived_ns) for event, arrived_ns, _ in batch), lost_ends=lost_ends)

    def _drop_oldest(self) -> None:
        event, _, weight_bytes = self._waiting.popleft()
        self._waiting_bytes -= weight_bytes
        self._dropped += 1
        if isinstance(event, CallFinished):
            result = event.result
            self._lost_ends.append(LostEnd(event.call_id, result.outcome, result.duration_ns))


def weigh(event: Event) -> int:
    """Approximate memory of an event in bytes; cheap enough for the publishing thread.

    A message that two events hold, as a host call's and its call's last ones do, counts in both: either may be dropped
    before the other.
    """
    if isinstance(event, GuestWrote):
        return _EVENT_BYTES + len(event.line.text)
    if isinstance(event, HostCallFinished):
        return 2 * _EVENT_BYTES + kept_bytes(event.host_call)
    if isinstance(event, CallStarted):
        return 2 * _EVENT_BYTES + event.request.ByteSize()
    if isinstance(event, CallFinished):
        result = event.result
        own_bytes = 4 * _EVENT_BYTES + result.request_bytes + result.response_bytes + len(result.error or "")
        parts_bytes = _EVENT_BYTES * (len(result.host_calls) + len(result.logs))
        parts_bytes += sum(kept_bytes(host_call) for host_call in result.host_calls)
        return own_bytes + parts_bytes + sum(len(line.text) for line in result.logs)
    texts = (getattr(event, entry.name) for entry in fields(event))
    return _EVENT_BYTES + sum(len(text) for text in texts if isinstance(text, str))
