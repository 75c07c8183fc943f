"""The trace store: takes every event of the engine, and keeps calls with their host calls and a log, both bounded.

Threads publish into it; one reader drains it (ten times a second on the screen) and tells the views.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from engine.calls import CallId
from engine.events import CallFinished, CallStarted, Event, GuestWrote, HostCallFinished, HostCallStarted
from workbench.trace.describe import is_logged
from workbench.trace.inbox import EventInbox, weigh
from workbench.trace.records import MAX_MESSAGE_BYTES, START_METHOD, CallRecord, HostCallRow, without_messages
from workbench.trace.ring import Ring

DRAIN_BUDGET_S: Final = 0.03
"""How long one drain may take at a stretch (about 8 000 events), so that the screen answers keys in between."""

_CHUNK: Final = 1_000
"""Events folded between two looks at the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChange:
    """What a drain did; the views follow it."""

    changed_calls: tuple[int, ...]
    """Sequence numbers of calls that are new or have changed, ascending; evicted ones may be among them."""
    first_call: int
    """Calls with smaller numbers are gone."""
    first_log: int
    """Log entries with smaller numbers are gone."""
    new_log: int
    """Log entries from this number on are new."""


ChangeListener = Callable[[StoreChange], None]


class TraceStore:
    """Calls and log entries under absolute sequence numbers.

    Subscribe `accept` to the event bus: it is safe from any thread and returns at once. Everything else
    belongs to one reader's thread.
    """

    def __init__(
        self,
        *,
        max_events: int = 100_000,
        max_bytes: int = 128 << 20,
        max_waiting: int = 100_000,
    ) -> None:
        """`max_events` bounds the calls and the log entries, each; `max_bytes` bounds calls, log and waiting events.

        Half of the bytes are for calls, a quarter each for the log and for events nobody has drained yet, of
        which there are `max_waiting` at most. One call's host calls take half of the calls' share at most: beyond
        that their messages are left out. Sizes are estimates.
        """
        self._inbox = EventInbox(max_events=max_waiting, max_bytes=max(1, max_bytes // 4))
        self._calls: Ring[CallRecord] = Ring(
            max_items=max_events, max_bytes=max(1, max_bytes // 2), on_evict=self._forget
        )
        self._message_limit_bytes = min(MAX_MESSAGE_BYTES, max_bytes // 4)
        self._sequences: dict[CallId, int] = {}
        self.log: Ring[Event] = Ring(max_items=max_events, max_bytes=max(1, max_bytes // 4))
        """Guest output and engine facts, oldest first; `describe` puts them in words."""
        self._listeners: tuple[ChangeListener, ...] = ()
        self._touched: set[int] = set()

    def accept(self, event: Event) -> None:
        """Take an event over; this is the subscriber for the event bus. Safe from any thread."""
        self._inbox.put(event)

    @property
    def waiting(self) -> int:
        """Events that were not drained yet."""
        return len(self._inbox)

    @property
    def dropped_events(self) -> int:
        """Events lost because they arrived faster than they were drained."""
        return self._inbox.dropped

    @property
    def evicted_calls(self) -> int:
        """Calls that made room for newer ones."""
        return self._calls.first

    @property
    def first_call(self) -> int:
        """Sequence number of the oldest call."""
        return self._calls.first

    @property
    def end_call(self) -> int:
        """The sequence number that the next call will get."""
        return self._calls.end

    def call(self, sequence: int) -> CallRecord | None:
        """A call by its sequence number; None when it was evicted."""
        return self._calls.get(sequence)

    def calls(self) -> tuple[CallRecord, ...]:
        """All calls that are kept, oldest first."""
        return tuple(record for _, record in self._calls.numbered())

    def find_call(self, call_id: CallId) -> CallRecord | None:
        """A call by the engine's id; None when it is not kept."""
        sequence = self._sequences.get(call_id)
        return None if sequence is None else self._calls.get(sequence)

    def subscribe(self, listener: ChangeListener) -> Callable[[], None]:
        """Call `listener` after each drain that changed something; the returned function takes it back."""
        self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            self._listeners = tuple(other for other in self._listeners if other is not listener)

        return unsubscribe

    def drain(self, budget_s: float = DRAIN_BUDGET_S) -> bool:
        """Fold waiting events into calls and log until none is left or `budget_s` is used up.

        True when anything has changed. What is left waits for the next drain.
        """
        new_log = self.log.end
        self._touched.clear()
        deadline = time.perf_counter() + budget_s
        while self._drain_chunk() and time.perf_counter() < deadline:
            pass
        self._weigh_touched()
        if not self._touched and self.log.end == new_log:
            return False
        self._tell(new_log)
        return True

    def clear(self) -> None:
        """Forget all calls and log entries; calls under way come back when they end."""
        self._touched.clear()
        self._sequences.clear()
        self._calls.clear()
        self.log.clear()
        self._tell(self.log.end)

    def _drain_chunk(self) -> bool:
        """Fold one chunk; true when there may be more."""
        taken = self._inbox.take(_CHUNK)
        for lost in taken.lost_ends:
            record = self.find_call(lost.call_id)
            if record is not None and record.is_running:
                record.end_unseen(lost.outcome, lost.duration_ns)
                self._touch(record)
        for event, arrived_ns in taken.events:
            self._fold(event, arrived_ns)
        return len(taken.events) == _CHUNK

    def _tell(self, new_log: int) -> None:
        change = StoreChange(
            changed_calls=tuple(sorted(self._touched)),
            first_call=self._calls.first,
            first_log=self.log.first,
            new_log=new_log,
        )
        for listener in self._listeners:
            listener(change)

    def _fold(self, event: Event, arrived_ns: int) -> None:
        match event:
            case CallStarted():
                self._start_call(event, arrived_ns)
            case CallFinished():
                self._finish_call(event, arrived_ns)
            case HostCallStarted():
                record = self._find(event.call_id)
                if record is not None:
                    self._start_host_call(record, event, arrived_ns)
            case HostCallFinished():
                self._finish_host_call(event, arrived_ns)
            case GuestWrote():
                record = self._find(event.call_id)
                if record is not None:
                    record.write(event.line)
                    self._touch(record)
            case _:
                pass
        if is_logged(event):
            entry = _log_entry(event)
            self.log.append(entry, weigh(entry))

    def _find(self, call_id: CallId | None) -> CallRecord | None:
        return None if call_id is None else self.find_call(call_id)

    def _start_call(self, event: CallStarted, arrived_ns: int) -> None:
        self._add(
            CallRecord(
                plugin=event.plugin,
                call_id=event.call_id,
                method=event.method,
                arrived_ns=arrived_ns,
                time_ns=event.time_ns,
                request=event.request,
                cause=event.cause,
                payload_bytes=event.request.ByteSize(),
                message_limit_bytes=self._message_limit_bytes,
            )
        )

    def _finish_call(self, event: CallFinished, arrived_ns: int) -> None:
        result = event.result
        record = self.find_call(event.call_id)
        if record is None:
            # Its start was dropped, or it ran so long that it was evicted.
            record = CallRecord(
                plugin=event.plugin,
                call_id=event.call_id,
                method=result.method,
                arrived_ns=arrived_ns,
                time_ns=event.time_ns - result.duration_ns,
                cause=result.cause,
                message_limit_bytes=self._message_limit_bytes,
            )
            record.finish(result)
            self._add(record)
        else:
            record.finish(result)
            self._touch(record)

    def _start_host_call(self, record: CallRecord, event: HostCallStarted, arrived_ns: int) -> None:
        record.add_host_call(
            HostCallRow(
                plugin=event.plugin,
                call_id=event.call_id,
                host_call_id=event.host_call_id,
                method=event.method,
                arrived_ns=arrived_ns,
                time_ns=event.time_ns,
            )
        )
        self._touch(record)

    def _finish_host_call(self, event: HostCallFinished, arrived_ns: int) -> None:
        host_call = event.host_call
        if event.call_id is None:
            self._add_start(event, arrived_ns)
            return
        record = self.find_call(event.call_id)
        row = None if record is None else record.host_call_row(host_call.host_call_id)
        # Without a row there were too many, or the start was lost: the call's result brings what there is.
        if record is not None and row is not None and row.host_call is None:
            record.end_host_call(row, host_call)
            self._touch(record)

    def _add_start(self, event: HostCallFinished, arrived_ns: int) -> None:
        """Show a host call of an instance that is being started; neighbours of one plugin share a record."""
        record = self._calls.get(self._calls.end - 1)
        if record is None or record.call_id is not None or record.plugin != event.plugin:
            record = self._add(
                CallRecord(
                    plugin=event.plugin,
                    call_id=None,
                    method=START_METHOD,
                    arrived_ns=arrived_ns,
                    time_ns=event.time_ns - event.host_call.duration_ns,
                    message_limit_bytes=self._message_limit_bytes,
                )
            )
        row = _unfinished_row(event, arrived_ns)
        if record.add_host_call(row):
            record.end_host_call(row, event.host_call)
        self._touch(record)

    def _add(self, record: CallRecord) -> CallRecord:
        record.sequence = self._calls.end
        if record.call_id is not None:
            self._sequences[record.call_id] = record.sequence
        self._calls.append(record, record.weight_bytes)
        self._touched.add(record.sequence)
        return record

    def _touch(self, record: CallRecord) -> None:
        record.revision += 1
        self._touched.add(record.sequence)

    def _weigh_touched(self) -> None:
        """Once a drain, not with every event: calls grow by small steps."""
        for sequence in self._touched:
            record = self._calls.get(sequence)
            if record is not None:
                self._calls.reweigh(sequence, record.weight_bytes)

    def _forget(self, record: CallRecord) -> None:
        if record.call_id is not None:
            self._sequences.pop(record.call_id, None)


def _log_entry(event: Event) -> Event:
    """What the log keeps of an event: the messages of a call's host calls are weighed, and kept, with the call."""
    if not isinstance(event, CallFinished):
        return event
    host_calls = tuple(without_messages(host_call) for host_call in event.result.host_calls)
    return replace(event, result=replace(event.result, host_calls=host_calls))


def _unfinished_row(event: HostCallFinished, arrived_ns: int) -> HostCallRow:
    host_call = event.host_call
    return HostCallRow(
        plugin=event.plugin,
        call_id=event.call_id,
        host_call_id=host_call.host_call_id,
        method=host_call.method,
        arrived_ns=arrived_ns,
        time_ns=event.time_ns - host_call.duration_ns,
    )
