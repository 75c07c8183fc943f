"""Events and call results as JSON objects, for `--json` and for files.

Field names and forms are a promise to scripts: times are nanoseconds since the epoch, durations milliseconds
in `duration_ms`, messages ProtoJSON with the field names of the `.proto` files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from google.protobuf.message import Message

from engine.calls import CallResult, HostCall, LogLine, Timings
from engine.contracts.codec import to_value
from engine.errors import Place
from engine.events import Event
from workbench.trace.masking import mask_arguments, mask_entry, mask_text, masked_pair, masked_value
from workbench.trace.message_lines import shortened
from workbench.trace.records import CallRecord, HostCallRow

MAX_BRIEF_BYTES: Final = 256 << 10
"""Encoded size of all messages that `brief_subject` keeps; more than a clipboard takes."""
MAX_BRIEF_ITEMS: Final = 500
"""Host calls, and lines of output, that `brief_subject` keeps."""

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def event_to_json(event: Event, *, reveal: bool = False) -> dict[str, object]:
    """An event as a JSON object: `event` is its kind (`call_finished`), then `time_ns`, `plugin` and its own fields.

    Secrets are hidden unless `reveal` is set. The result of a finished call stands in `result`.
    """
    found: dict[str, object] = {"event": _CAPITAL.sub("_", type(event).__name__).lower(), "time_ns": event.time_ns}
    for field in fields(event):
        if field.name != "time_ns":
            _put(found, field.name, getattr(event, field.name), reveal=reveal)
    return found


def json_line(value: Mapping[str, object]) -> str:
    """One JSON object on one line, without its line end, plain ASCII: safe in any terminal and any file."""
    return json.dumps(value, separators=(",", ":"))


def event_lines(events: Iterable[Event], *, reveal: bool = False) -> Iterator[str]:
    """Events as JSON lines."""
    return (json_line(event_to_json(event, reveal=reveal)) for event in events)


def result_to_json(result: CallResult, *, reveal: bool = False) -> dict[str, object]:
    """A call result with the fields that `call --json` promises, and what else is known of the call."""
    request, response = masked_pair(result.request, result.response, reveal=reveal)
    return {
        "plugin": result.plugin,
        "version": result.version,
        "generation": result.generation,
        "method": result.method,
        "ok": result.ok,
        "outcome": result.outcome.value,
        "request": request,
        "response": response,
        "error": _text(result.error, reveal=reveal),
        "hint": _text(result.hint, reveal=reveal),
        "duration_ms": _ms(result.duration_ns),
        "timings": _timings(result.timings),
        "host_calls": [host_call_to_json(host_call, reveal=reveal) for host_call in result.host_calls],
        "dropped_host_calls": result.dropped_host_calls,
        "logs": [log_line_to_json(line, reveal=reveal) for line in result.logs],
        "dropped_logs": result.dropped_logs,
        "trap": None if result.trap is None else _value(result.trap, reveal=reveal),
        "memory_bytes": result.memory_bytes,
        "cause": result.cause,
    }


def host_call_to_json(host_call: HostCall, *, reveal: bool = False) -> dict[str, object]:
    """A finished host call as a JSON object.

    With `is_shortened` its messages are null although there were some: the call's records had grown too large.
    """
    request, response = masked_pair(host_call.request, host_call.response, reveal=reveal)
    return {
        "method": host_call.method,
        "ok": host_call.ok,
        "request": request,
        "response": response,
        "error": _text(host_call.error, reveal=reveal),
        "is_trap": host_call.is_trap,
        "is_shortened": host_call.is_shortened,
        "start_ms": _ms(host_call.start_ns),
        "duration_ms": _ms(host_call.duration_ns),
        "notes": [_text(note, reveal=reveal) for note in host_call.notes],
    }


def subject_to_json(subject: CallRecord | HostCallRow | Event, *, reveal: bool = False) -> dict[str, object]:
    """A row of the trace or a log entry as a JSON object; of a running call, what is known so far."""
    if isinstance(subject, CallRecord):
        if subject.result is not None:
            return result_to_json(subject.result, reveal=reveal)
        request, _ = masked_pair(subject.request, None, reveal=reveal)
        known = {"plugin": subject.plugin, "method": subject.method, "outcome": subject.status, "request": request}
        rows = [subject_to_json(row, reveal=reveal) for row in subject.host_calls]
        return {**known, "cause": subject.cause, "host_calls": rows}
    if isinstance(subject, HostCallRow):
        if subject.host_call is None:
            return {"method": subject.method, "outcome": subject.status}
        return host_call_to_json(subject.host_call, reveal=reveal)
    return event_to_json(subject, reveal=reveal)


def brief_subject(subject: CallRecord | HostCallRow) -> CallRecord | HostCallRow:
    """A copy whose rendering costs little, however large the messages are: long fields are cut.

    Messages beside the request that do not fit into `MAX_BRIEF_BYTES` together are left out; host calls say so.
    """
    room = _Room(MAX_BRIEF_BYTES)
    if isinstance(subject, HostCallRow):
        return _brief_row(subject, room)
    if subject.result is None:
        rows = subject.host_calls[:MAX_BRIEF_ITEMS]
        request = room.take(subject.request)
        return replace(subject, request=request, host_calls=[_brief_row(row, room) for row in rows])
    result = subject.result
    calls, logs = result.host_calls, result.logs
    brief = replace(
        result,
        request=shortened(result.request),
        response=room.take(result.response),
        host_calls=tuple(_brief_call(call, room) for call in calls[:MAX_BRIEF_ITEMS]),
        dropped_host_calls=result.dropped_host_calls + max(0, len(calls) - MAX_BRIEF_ITEMS),
        logs=logs[:MAX_BRIEF_ITEMS],
        dropped_logs=result.dropped_logs + max(0, len(logs) - MAX_BRIEF_ITEMS),
    )
    return replace(subject, result=brief)


def log_line_to_json(line: LogLine, *, reveal: bool = False) -> dict[str, object]:
    """A line of guest output as a JSON object."""
    return {
        "stream": line.stream.value,
        "text": _text(line.text, reveal=reveal),
        "time_ns": line.time_ns,
        "is_cut": line.is_cut,
    }


class _Room:
    """How many bytes of messages still fit."""

    def __init__(self, size_bytes: int) -> None:
        self._left_bytes = size_bytes

    def take(self, message: Message | None) -> Message | None:
        """The message, shortened; None when there is no room for it."""
        if message is None:
            return None
        brief = shortened(message)
        size_bytes = brief.ByteSize()
        if size_bytes > self._left_bytes:
            return None
        self._left_bytes -= size_bytes
        return brief


def _brief_row(row: HostCallRow, room: _Room) -> HostCallRow:
    return row if row.host_call is None else replace(row, host_call=_brief_call(row.host_call, room))


def _brief_call(call: HostCall, room: _Room) -> HostCall:
    request, response = room.take(call.request), room.take(call.response)
    is_cut = (request is None) != (call.request is None) or (response is None) != (call.response is None)
    return replace(call, request=request, response=response, is_shortened=call.is_shortened or is_cut)


def _put(found: dict[str, object], name: str, value: object, *, reveal: bool) -> None:
    if name.endswith("_ns") and name != "time_ns" and isinstance(value, int):
        found[f"{name.removesuffix('_ns')}_ms"] = _ms(value)
    else:
        found[name] = _value(value, reveal=reveal)


def _value(value: object, *, reveal: bool) -> object:
    """Any value of an event. The special forms first: they are dataclasses and texts too."""
    match value:
        case CallResult():
            return result_to_json(value, reveal=reveal)
        case HostCall():
            return host_call_to_json(value, reveal=reveal)
        case LogLine():
            return log_line_to_json(value, reveal=reveal)
        case Message():
            return to_value(value) if reveal else masked_value(value)
        case Place():
            return {**_members(value, reveal=reveal), "text": str(value)}
        case Enum():
            return value.value
        case Path():
            return str(value)
        case str():
            return _text(value, reveal=reveal)
    return _composite(value, reveal=reveal)


def _composite(value: object, *, reveal: bool) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return _members(value, reveal=reveal)
    if isinstance(value, Mapping):
        return {str(name): _entry(str(name), item, reveal=reveal) for name, item in value.items()}
    if isinstance(value, (tuple, list, frozenset)):
        if not reveal and isinstance(value, (tuple, list)) and all(type(item) is str for item in value):
            return mask_arguments(value)
        return [_value(item, reveal=reveal) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def _entry(name: str, item: object, *, reveal: bool) -> object:
    is_plain = type(item) in (str, int, float)
    return mask_entry(name, item) if is_plain and not reveal else _value(item, reveal=reveal)


def _members(value: object, *, reveal: bool) -> dict[str, object]:
    assert is_dataclass(value)
    found: dict[str, object] = {}
    for field in fields(value):
        _put(found, field.name, getattr(value, field.name), reveal=reveal)
    return found


def _timings(timings: Timings) -> dict[str, float]:
    return {
        "load_ms": _ms(timings.load_ns),
        "queue_ms": _ms(timings.queue_ns),
        "start_ms": _ms(timings.start_ns),
        "guest_ms": _ms(timings.guest_ns),
        "host_ms": _ms(timings.host_ns),
    }


def _text(text: str | None, *, reveal: bool) -> str | None:
    return text if text is None or reveal else mask_text(text)


def _ms(duration_ns: int) -> float:
    return round(duration_ns / 1_000_000, 6)
