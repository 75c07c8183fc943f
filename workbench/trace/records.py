"""One capability call as the trace keeps it: what is known so far, and its host calls beneath.

Records change only inside `TraceStore.drain`, on the reader's thread; everybody else reads them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import Final

from google.protobuf.message import Message

from engine.calls import CallId, CallResult, HostCall, HostCallId, LogLine, Outcome, PluginId

MAX_HOST_CALLS: Final = 2_000
"""Host calls of one call that get a row of their own; the rest are counted."""

MAX_LIVE_LINES: Final = 200
"""Lines of guest output kept while a call runs; its result brings the rest."""

MAX_MESSAGE_BYTES: Final = 8 << 20
"""Encoded size of the host calls' messages that one call keeps; the sizes of the others are told."""

START_METHOD: Final = "_initialize"
"""Stands as the method where host calls happen while an instance is being started."""

_RECORD_BYTES: Final = 2_000
_HOST_CALL_BYTES: Final = 900
_LINE_BYTES: Final = 250
_LOOK_BACK: Final = 8
_SHORT_TEXT: Final = 200
"""Characters of an error or note that stay of a host call without messages."""


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
    """Size of request, response and output kept here."""
    message_limit_bytes: int = MAX_MESSAGE_BYTES
    """What `host_call_bytes` grows to; host calls beyond it are kept without their messages."""
    host_call_bytes: int = 0
    """Size of the messages and texts of the host calls kept here."""

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
        # Most host calls of the result are those of the rows; only those beyond the last row come on top.
        host_calls = max(len(self.host_calls), 0 if self.result is None else len(self.result.host_calls))
        own_bytes = _RECORD_BYTES + _HOST_CALL_BYTES * host_calls + _LINE_BYTES * lines
        return own_bytes + self.payload_bytes + self.host_call_bytes

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

    def end_host_call(self, row: HostCallRow, host_call: HostCall) -> None:
        """Note how a host call of this record ended; without its messages when those of others fill the record."""
        row.host_call = self._affordable(host_call)
        row.revision += 1

    def write(self, line: LogLine) -> None:
        """Keep a line of guest output while the call runs."""
        if self.result is None:
            self.live_output.append(line)
            self.payload_bytes += len(line.text)
            if len(self.live_output) > MAX_LIVE_LINES:
                self.payload_bytes -= len(self.live_output.pop(0).text)

    def finish(self, result: CallResult) -> None:
        """Take the result over; it also ends host calls whose own events were lost."""
        self.request = result.request
        self.live_output.clear()
        self.payload_bytes = result.request_bytes + result.response_bytes
        self.payload_bytes += sum(len(line.text) for line in result.logs)
        known = {row.host_call_id: row for row in self.host_calls}
        # The result must not hold on to messages that the rows had to leave out.
        kept = tuple(self._take_over(host_call, known) for host_call in result.host_calls)
        self.result = replace(result, host_calls=kept)
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

    def _take_over(self, host_call: HostCall, known: Mapping[HostCallId, HostCallRow]) -> HostCall:
        """A host call of the result as it is kept here: as its row has it, which is added or completed if need be."""
        row = known.get(host_call.host_call_id)
        if row is None:
            if len(self.host_calls) >= MAX_HOST_CALLS:
                return self._affordable(host_call)
            row = self._missed(host_call)
            self.host_calls.append(row)
        if row.host_call is None:
            self.end_host_call(row, host_call)
        return row.host_call or host_call

    def _affordable(self, host_call: HostCall) -> HostCall:
        """`host_call` as the record can keep it, weighed."""
        if self.host_call_bytes + kept_bytes(host_call) > self.message_limit_bytes:
            host_call = without_messages(host_call)
        self.host_call_bytes += kept_bytes(host_call)
        return host_call

    def _missed(self, host_call: HostCall) -> HostCallRow:
        return HostCallRow(
            plugin=self.plugin,
            call_id=self.call_id,
            host_call_id=host_call.host_call_id,
            method=host_call.method,
            arrived_ns=self.arrived_ns,
            time_ns=self.time_ns + host_call.start_ns,
        )


def kept_bytes(host_call: HostCall) -> int:
    """Approximate size of what a host call holds on to: its messages, unless they were left out, and its texts."""
    texts = len(host_call.error or "") + sum(len(note) for note in host_call.notes)
    return texts if host_call.is_shortened else texts + host_call.request_bytes + host_call.response_bytes


def without_messages(host_call: HostCall) -> HostCall:
    """A host call of which only the facts are kept: no messages, and the beginnings of its texts."""
    if host_call.is_shortened and kept_bytes(host_call) <= _SHORT_TEXT:
        return host_call
    return replace(
        host_call,
        request=None,
        response=None,
        error=None if host_call.error is None else _beginning(host_call.error),
        notes=tuple(_beginning(note) for note in host_call.notes[:1]),
        is_shortened=True,
    )


def _beginning(text: str) -> str:
    return text if len(text) <= _SHORT_TEXT else f"{text[:_SHORT_TEXT]}…"
