"""What a list of the trace or the log shows: the rows that pass a filter, as an index beside the store.

A view follows the store by itself; it belongs to the reader's thread like the store.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from engine.events import Event, GuestWrote
from workbench.inert import display_text
from workbench.trace.describe import Level, describe, is_at_least, level_of, plugin_of
from workbench.trace.event_words import words_of
from workbench.trace.masking import MASK, mask_text
from workbench.trace.records import MAX_HOST_CALLS, CallRecord, HostCallRow
from workbench.trace.row_index import RowIndex
from workbench.trace.store import StoreChange, TraceStore

_MASK_MARK: Final = MASK[0]
_CHILD_BITS: Final = 12
_CHILD_MASK: Final = (1 << _CHILD_BITS) - 1
_LEFT_OUT: Final = _CHILD_MASK
"""The row that tells how many host calls have no row of their own."""

assert MAX_HOST_CALLS < _LEFT_OUT - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceCells:
    """One row of the trace, ready to be drawn; texts are inert except for their length."""

    time_ns: int
    plugin: str
    branch: str
    """Tree mark before a host call; empty for a capability call."""
    method: str
    duration_ns: int | None
    """Time so far while it runs."""
    status: str
    is_host_call: bool
    is_running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCells:
    """One log entry, ready to be drawn."""

    time_ns: int
    plugin: str
    level: Level
    text: str
    is_guest: bool


def parse_terms(text: str) -> tuple[str, ...]:
    """The words of a filter; a row shows when it has all of them somewhere, whatever their case."""
    return tuple(text.casefold().split())


class TraceView:
    """Calls with their host calls beneath, oldest first, as keys in `index`.

    Where the call itself has all terms, all its host calls are shown; else those host calls that have them,
    under their call. A term is looked for in plugin, method and outcome.
    """

    def __init__(self, store: TraceStore, filter_text: str = "") -> None:
        self.index = RowIndex()
        self._store = store
        self._terms = parse_terms(filter_text)
        self._unsubscribe = store.subscribe(self._follow)
        self._rebuild()

    @property
    def store(self) -> TraceStore:
        """Where the rows come from."""
        return self._store

    @property
    def is_filtered(self) -> bool:
        return bool(self._terms)

    def close(self) -> None:
        """Stop following the store."""
        self._unsubscribe()

    def set_filter(self, text: str) -> None:
        """Show only what has all words of `text`."""
        terms = parse_terms(text)
        if terms != self._terms:
            self._terms = terms
            self._rebuild()

    def subject(self, key: int) -> CallRecord | HostCallRow | None:
        """The call or host call of a row; None when it is gone, the call for the row of what was left out."""
        record = self.record(key)
        child = key & _CHILD_MASK
        if record is None or child in (0, _LEFT_OUT):
            return record
        return record.host_calls[child - 1] if child <= len(record.host_calls) else None

    def record(self, key: int) -> CallRecord | None:
        """The capability call that a row belongs to."""
        return self._store.call(key >> _CHILD_BITS)

    def key_of(self, record: CallRecord) -> int:
        """The row of a capability call."""
        return record.sequence << _CHILD_BITS

    def revision(self, key: int) -> int:
        """Changes whenever the row has to be drawn anew."""
        record = self.record(key)
        return -1 if record is None else record.revision

    def is_running(self, key: int) -> bool:
        """Whether the row's duration still grows."""
        subject = self.subject(key)
        return subject is not None and subject.is_running

    def cells(self, key: int) -> TraceCells | None:
        """What to draw; None when the row is gone."""
        record = self.record(key)
        subject = self.subject(key)
        if record is None or subject is None:
            return None
        child = key & _CHILD_MASK
        if child == _LEFT_OUT:
            return self._left_out_cells(record)
        is_running = subject.is_running
        so_far_ns = time.perf_counter_ns() - subject.arrived_ns if is_running else subject.duration_ns
        is_last = child == len(record.host_calls) and not record.host_calls_left_out
        return TraceCells(
            time_ns=subject.time_ns,
            plugin=display_text(subject.plugin),
            branch="" if child == 0 else "└─ " if is_last else "├─ ",
            method=display_text(subject.method),
            duration_ns=so_far_ns,
            status=subject.status,
            is_host_call=child != 0,
            is_running=is_running,
        )

    def _left_out_cells(self, record: CallRecord) -> TraceCells:
        return TraceCells(
            time_ns=record.time_ns,
            plugin=display_text(record.plugin),
            branch="└─ ",
            method=f"… {record.host_calls_left_out} more host calls",
            duration_ns=None,
            status="",
            is_host_call=True,
            is_running=False,
        )

    def _follow(self, change: StoreChange) -> None:
        self.index.remove_before(change.first_call << _CHILD_BITS)
        for sequence in change.changed_calls:
            record = self._store.call(sequence)
            if record is not None:
                self.index.replace(sequence << _CHILD_BITS, (sequence + 1) << _CHILD_BITS, self._keys(record))

    def _rebuild(self) -> None:
        self.index.reset(key for record in self._store.calls() for key in self._keys(record))

    def _keys(self, record: CallRecord) -> list[int]:
        base = record.sequence << _CHILD_BITS
        children = range(1, len(record.host_calls) + 1)
        if not self._terms or self._has_terms(record.plugin, record.method, record.status):
            keys = [base, *(base + child for child in children)]
            if record.host_calls_left_out:
                keys.append(base + _LEFT_OUT)
            return keys
        rows = zip(children, record.host_calls, strict=True)
        found = [base + child for child, row in rows if self._has_terms(row.plugin, row.method, row.status)]
        return [base, *found] if found else []

    def _has_terms(self, *texts: str) -> bool:
        hay = "\n".join(texts).casefold()
        return all(term in hay for term in self._terms)


class LogView:
    """Guest output and engine facts that are bad enough and have all words of the filter, oldest first."""

    def __init__(self, store: TraceStore, filter_text: str = "", lowest: Level = Level.INFO) -> None:
        self.index = RowIndex()
        self._store = store
        self._terms = parse_terms(filter_text)
        self._lowest = lowest
        self._unsubscribe = store.subscribe(self._follow)
        self._rebuild()

    @property
    def store(self) -> TraceStore:
        """Where the entries come from."""
        return self._store

    @property
    def lowest(self) -> Level:
        """Entries below this level are not shown."""
        return self._lowest

    @property
    def is_filtered(self) -> bool:
        return bool(self._terms) or self._lowest is not Level.INFO

    def close(self) -> None:
        """Stop following the store."""
        self._unsubscribe()

    def set_filter(self, text: str) -> None:
        """Show only entries whose plugin, level and text have all words of `text`."""
        terms = parse_terms(text)
        if terms != self._terms:
            self._terms = terms
            self._rebuild()

    def set_lowest(self, lowest: Level) -> None:
        """Show only entries of this level or worse."""
        if lowest is not self._lowest:
            self._lowest = lowest
            self._rebuild()

    def subject(self, key: int) -> Event | None:
        """The event behind an entry; None when it is gone."""
        return self._store.log.get(key)

    def cells(self, key: int) -> LogCells | None:
        """What to draw; None when the entry is gone."""
        event = self._store.log.get(key)
        if event is None:
            return None
        level, text = describe(event)
        return LogCells(
            time_ns=event.time_ns,
            plugin=display_text(plugin_of(event) or "engine"),
            level=level,
            text=display_text(text),
            is_guest=isinstance(event, GuestWrote),
        )

    def full_text(self, key: int) -> str:
        """The text of an entry, however long; secrets are hidden."""
        event = self._store.log.get(key)
        return "" if event is None else describe(event)[1]

    def _follow(self, change: StoreChange) -> None:
        self.index.remove_before(change.first_log)
        for key in range(max(change.new_log, change.first_log), self._store.log.end):
            event = self._store.log.get(key)
            if event is not None and self._is_shown(event):
                self.index.append(key)

    def _rebuild(self) -> None:
        self.index.reset(key for key, event in self._store.log.numbered() if self._is_shown(event))

    def _is_shown(self, event: Event) -> bool:
        if self._lowest is not Level.INFO and not is_at_least(level_of(event), self._lowest):
            return False
        if not self._terms:
            return True
        # The cheap fields first: hiding secrets costs most, and few entries get that far.
        level, raw = words_of(event)
        fields = f"{plugin_of(event) or 'engine'}\n{level}".casefold()
        wanted = [term for term in self._terms if term not in fields]
        if not wanted:
            return True
        text = raw.casefold()
        # Hiding only takes text away, so what the whole text has not, the shown one has not either.
        if not all(term in text or _MASK_MARK in term for term in wanted):
            return False
        shown = mask_text(raw).casefold()
        return all(term in shown for term in wanted)
