"""One capability call as the trace keeps it: what is known so far, and its host calls beneath.

Records change only inside `TraceStore.drain`, on the reader's thread; everybody else reads them there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final

from google.protobuf.message import Message

from engine.calls import CallId, CallResult, HostCall, HostCallId, LogLine, Outcome, PluginId

MAX_HOST_CALLS: Final = 2_000
"""Host calls of one call that get a row of their own; the rest are counted."""

MAX_LIVE_LINES: Final = 200
"""Lines of guest output kept while a call runs; its result brings the rest."""

START_METHOD: Final = "_initialize"
"""Stands as the method where host calls happen while an instance is being started."""

_RECORD_BYTES: Final = 2_000
_HOST_CALL_BYTES: Final = 900
_LINE_BYTES: Final = 250
_LOOK_BACK: Final = 8


class RowStatus(StrEnum):
    """What a row says beside the outcomes of `engine.calls.Outcome`."""

    RUNNING = "running"
    REFUSED = "refused"
    """A host call was answered with an error."""
    LOST = "unknown"
    """It ended, but the event that says how was dropped."""


@dataclass(slots=True, kw_only=True)
class HostCallRow:
    """A host call, running or finished."""

    plugin: PluginId
    call_id: CallId | None
    host_call_id: HostCallId
    method: str
    arrived_ns: int
    """`time.perf_counter_ns()` when its first event arrived."""
    time_ns: int
    """Wall time of its first event."""
    host_call: HostCall | None = None
    is_lost: bool = False
    revision: int = 0

    @property
    def is_running(self) -> bool:
        return self.host_call is None and not self.is_lost

    @property
    def duration_ns(self) -> int | None:
        """None while it runs, or when its end was lost."""
        return None if self.host_call is None else self.host_call.duration_ns

    @property
    def status(self) -> str:
        """One word: `running`, `ok`, `refused`, `trap` or `unknown`."""
        if self.host_call is None:
            return RowStatus.LOST if self.is_lost else RowStatus.RUNNING
        if self.host_call.is_trap:
            return Outcome.TRAP
        return Outcome.OK if self.host_call.ok else RowStatus.REFUSED


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """A capability call, running or finished."""

    plugin: PluginId
    call_id: CallId | None
    """None for the host calls of an instance that is being started."""
    method: str
    arrived_ns: int
    """`time.perf_counter_ns()` when its first event arrived."""
    time_ns: int
    """Wall time of its first event."""
    sequence: int = -1
    """Number in the store, from 0."""
    revision: int = 0
    """Grows with every change of this record or its host calls."""
    request: Message | None = None
    cause: str | None = None
    result: CallResult | None = None
    lost_outcome: Outcome | None = None
    """How it ended when its `CallFinished` was dropped."""
    lost_duration_ns: int | None = None
    host_calls: list[HostCallRow] = field(default_factory=list)
    host_calls_left_out: int = 0
    live_output: list[LogLine] = field(default_factory=list)
    payload_bytes: int = 0
    """Encoded size of everything kept here."""

    @property
    def is_running(self) -> bool:
        return self.result is None and self.lost_outcome is None and self.call_id is not None

    @property
    def duration_ns(self) -> int | None:
        """None while it runs."""
        if self.result is not None:
            return self.result.duration_ns
        if self.call_id is None and self.host_calls:
            return sum(row.duration_ns or 0 for row in self.host_calls)
        return self.lost_duration_ns

    @property
    def status(self) -> str:
        """One word: `running`, or the outcome as JSON names it; of a start, what its host calls came to."""
        if self.result is not None:
            return self.result.outcome
        if self.lost_outcome is not None:
            return self.lost_outcome
        if self.call_id is None:
            return next((row.status for row in self.host_calls if row.status != Outcome.OK), Outcome.OK)
        return RowStatus.RUNNING

    @property
    def output(self) -> tuple[LogLine, ...]:
        """What the guest wrote: all that the result kept, or the newest lines of a running call."""
        return tuple(self.live_output) if self.result is None else self.result.logs

    @property
    def weight_bytes(self) -> int:
        """Approximate memory."""
        lines = len(self.live_output) if self.result is None else len(self.result.logs)
        host_calls = len(self.host_calls) if self.result is None else len(self.result.host_calls)
        return _RECORD_BYTES + self.payload_bytes + _HOST_CALL_BYTES * host_calls + _LINE_BYTES * lines

    def host_call_row(self, host_call_id: HostCallId) -> HostCallRow | None:
        """The row of a host call, when it is among the newest: a guest makes one host call at a time."""
        newest = islice(reversed(self.host_calls), _LOOK_BACK)
        return next((row for row in newest if row.host_call_id == host_call_id), None)

    def add_host_call(self, row: HostCallRow) -> bool:
        """Put a host call beneath this call; false when it is only counted because there are too many."""
        if len(self.host_calls) >= MAX_HOST_CALLS:
            self.host_calls_left_out += 1
            return False
        self.host_calls.append(row)
        return True

    def write(self, line: LogLine) -> None:
        """Keep a line of guest output while the call runs."""
        if self.result is None:
            self.live_output.append(line)
            self.payload_bytes += len(line.text)
            if len(self.live_output) > MAX_LIVE_LINES:
                self.payload_bytes -= len(self.live_output.pop(0).text)

    def finish(self, result: CallResult) -> None:
        """Take the result over; it also ends host calls whose own events were lost."""
        self.result = result
        self.request = result.request
        self.live_output.clear()
        self.payload_bytes = result.request_bytes + result.response_bytes + _host_call_bytes(result.host_calls)
        self.payload_bytes += sum(len(line.text) for line in result.logs)
        known = {row.host_call_id: row for row in self.host_calls}
        for host_call in result.host_calls:
            row = known.get(host_call.host_call_id)
            if row is None:
                if len(self.host_calls) >= MAX_HOST_CALLS:
                    continue
                row = self._missed(host_call)
                self.host_calls.append(row)
            if row.host_call is None:
                row.host_call = host_call
                row.revision += 1
        for row in self.host_calls:
            if row.is_running:
                row.is_lost = True
                row.revision += 1
        self.host_calls_left_out = max(0, len(result.host_calls) + result.dropped_host_calls - len(self.host_calls))

    def end_unseen(self, outcome: Outcome, duration_ns: int) -> None:
        """Note how the call ended although its result was lost."""
        self.lost_outcome = outcome
        self.lost_duration_ns = duration_ns
        for row in self.host_calls:
            row.is_lost = row.host_call is None

    def _missed(self, host_call: HostCall) -> HostCallRow:
        return HostCallRow(
            plugin=self.plugin,
            call_id=self.call_id,
            host_call_id=host_call.host_call_id,
            method=host_call.method,
            arrived_ns=self.arrived_ns,
            time_ns=self.time_ns + host_call.start_ns,
        )


def _host_call_bytes(host_calls: Iterable[HostCall]) -> int:
    return sum(host_call.request_bytes + host_call.response_bytes for host_call in host_calls)
