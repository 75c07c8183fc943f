"""What there is to know about one row of the trace or one log entry, as lines; shared by screen and reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from google.protobuf.message import Message

from engine.calls import CallResult, HostCall
from engine.events import Event
from workbench.inert import display_text
from workbench.trace.describe import describe, plugin_of
from workbench.trace.masking import MASK, mask_text, masked_pair
from workbench.trace.message_lines import (
    DetailLine,
    LineKind,
    body_lines,
    bytes_fields,
    json_lines,
    lines_of,
    shortened,
    shortening_note,
    wire_lines,
)
from workbench.trace.records import CallRecord, HostCallRow
from workbench.trace.wording import clock_text, count_text, duration_text, size_text, timing_text

Subject = CallRecord | HostCallRow | Event
"""What can be looked at in detail."""

_MAX_HOST_CALLS: Final = 200
_MAX_OUTPUT: Final = 1_000


def detail_lines(subject: Subject, *, reveal: bool = False, wire: bool = False) -> tuple[DetailLine, ...]:
    """Everything about `subject`. `reveal` shows secrets, `wire` the messages as hex instead of JSON."""
    if isinstance(subject, CallRecord):
        lines = _call_lines(subject, reveal=reveal, wire=wire)
    elif isinstance(subject, HostCallRow):
        lines = _host_call_lines(subject, reveal=reveal, wire=wire)
    else:
        lines = _event_lines(subject, reveal=reveal)
    return tuple(_spaced(lines))


def _spaced(lines: Iterable[DetailLine]) -> Iterator[DetailLine]:
    """An empty line before each section."""
    for line in lines:
        if line.kind is LineKind.SECTION:
            yield DetailLine(LineKind.TEXT, "")
        yield line


def _call_lines(record: CallRecord, *, reveal: bool, wire: bool) -> list[DetailLine]:
    result = record.result
    lines = [_line(LineKind.TITLE, record.method)]
    lines.append(_fact("plugin", record.plugin if result is None else _served_by(result)))
    lines.append(_fact("started", _moment(record.time_ns)))
    if record.call_id is not None:
        lines.append(_fact("call", f"{record.call_id}{f', by {record.cause}' if record.cause else ''}"))
    lines.append(_fact("outcome", _outcome(record)))
    if result is not None:
        lines += _result_facts(result)
        lines += _failure_lines(result, reveal=reveal)
    response = None if result is None else result.response
    lines += _message_lines(record.request, response, reveal=reveal, wire=wire)
    lines += _host_call_summary(record)
    lines += _output_lines(record, reveal=reveal)
    return lines


def _served_by(result: CallResult) -> str:
    if not result.generation:
        return result.plugin
    return f"{result.plugin} {result.version}, load {result.generation}"


def _outcome(record: CallRecord) -> str:
    duration_ns = record.duration_ns
    return record.status if duration_ns is None else f"{record.status} after {duration_text(duration_ns)}"


def _result_facts(result: CallResult) -> list[DetailLine]:
    spent = timing_text(result.timings)
    lines = [_fact("time", spent)] if spent else []
    if result.memory_bytes:
        instance = "waiting instance" if result.is_warm else "new instance"
        lines.append(_fact("memory", f"{size_text(result.memory_bytes)}, {instance}"))
    lines.append(
        _fact("sizes", f"request {size_text(result.request_bytes)}, response {size_text(result.response_bytes)}")
    )
    if result.is_repaired:
        lines.append(_line(LineKind.NOTE, "The response held invalid UTF-8; it was replaced by U+FFFD."))
    return lines


def _failure_lines(result: CallResult, *, reveal: bool) -> list[DetailLine]:
    lines: list[DetailLine] = []
    if result.error is not None:
        lines += _foreign(LineKind.ERROR, result.error or "(empty error text)", reveal=reveal)
    if result.hint:
        lines += _foreign(LineKind.HINT, result.hint, reveal=reveal)
    trap = result.trap
    if trap is not None:
        lines.append(_section("Trap"))
        if trap.panic and trap.panic not in (result.error or ""):
            lines += _foreign(LineKind.ERROR, trap.panic, reveal=reveal)
        lines += _foreign(LineKind.TEXT, f"{trap.code}: {trap.message}" if trap.code else trap.message, reveal=reveal)
        lines += [_line(LineKind.TEXT, f"  at {frame}") for frame in trap.frames]
    return lines


def _host_call_lines(row: HostCallRow, *, reveal: bool, wire: bool) -> list[DetailLine]:
    lines = [_line(LineKind.TITLE, row.method)]
    call = "the start of an instance" if row.call_id is None else f"call {row.call_id}"
    lines.append(_fact("plugin", f"{row.plugin}, in {call}"))
    lines.append(_fact("started", _moment(row.time_ns)))
    host_call = row.host_call
    if host_call is None:
        lines.append(_fact("outcome", row.status))
        return lines
    lines.append(_fact("outcome", f"{row.status} after {duration_text(host_call.duration_ns)}"))
    lines += _host_call_facts(host_call, reveal=reveal)
    lines += _message_lines(host_call.request, host_call.response, reveal=reveal, wire=wire)
    return lines


def _host_call_facts(host_call: HostCall, *, reveal: bool) -> list[DetailLine]:
    sizes = f"request {size_text(host_call.request_bytes)}, response {size_text(host_call.response_bytes)}"
    lines = [_fact("sizes", sizes), _fact("offset", f"{duration_text(host_call.start_ns)} into the call")]
    if host_call.is_shortened:
        left_out = size_text(host_call.request_bytes + host_call.response_bytes)
        lines.append(_line(LineKind.NOTE, f"Request and response were left out, {left_out}: this call kept too many."))
    if host_call.is_repaired:
        lines.append(_line(LineKind.NOTE, "The request held invalid UTF-8; it was replaced by U+FFFD."))
    if host_call.error is not None:
        lines += _foreign(LineKind.ERROR, host_call.error or "(empty error text)", reveal=reveal)
        if host_call.is_trap:
            lines.append(_line(LineKind.NOTE, "This stopped the guest: the calling convention has no error for it."))
    for note in host_call.notes:
        lines += _foreign(LineKind.HINT, note, reveal=reveal)
    return lines


def _event_lines(event: Event, *, reveal: bool) -> list[DetailLine]:
    level, text = describe(event, reveal=reveal)
    lines = [_line(LineKind.TITLE, plugin_of(event) or "engine")]
    lines.append(_fact("time", _moment(event.time_ns)))
    lines.append(_fact("level", level))
    call_id = getattr(event, "call_id", None)
    if call_id is not None:
        lines.append(_fact("call", str(call_id)))
    lines.append(_section("Text"))
    return lines + lines_of(LineKind.TEXT, text)


def _message_lines(request: Message | None, response: Message | None, *, reveal: bool, wire: bool) -> list[DetailLine]:
    short_request = None if request is None else shortened(request)
    short_response = None if response is None else shortened(response)
    values = masked_pair(short_request, short_response, reveal=reveal)
    lines: list[DetailLine] = []
    for title, message, value in (("Request", request, values[0]), ("Response", response, values[1])):
        if message is None or value is None:
            continue
        lines.append(_section(f"{title} · {message.DESCRIPTOR.full_name}"))
        note = shortening_note(message)
        if note is not None:
            lines.append(note)
        if wire:
            lines += _wire_lines(message, reveal=reveal)
            continue
        bodies = {name: data for name, data in bytes_fields(message) if value[name] != MASK}
        for name, data in bodies.items():
            value[name] = f"({size_text(len(data))}, below)"
        lines += json_lines(value)
        for name, data in bodies.items():
            lines.append(_section(f"{title} {name}, {size_text(len(data))}"))
            lines += body_lines(data, reveal=reveal)
    return lines


def _wire_lines(message: Message, *, reveal: bool) -> list[DetailLine]:
    """The encoded message: only on request for secrets, for there is no hiding them in bytes."""
    if not reveal and masked_pair(shortened(message), None)[0] != masked_pair(shortened(message), None, reveal=True)[0]:
        return [_line(LineKind.NOTE, "The message holds secrets; reveal them to see its bytes.")]
    return wire_lines(message)


def _host_call_summary(record: CallRecord) -> list[DetailLine]:
    if not record.host_calls:
        return []
    total = len(record.host_calls) + record.host_calls_left_out
    lines = [_section(f"Host calls · {total}")]
    for row in record.host_calls[:_MAX_HOST_CALLS]:
        took = "" if row.duration_ns is None else duration_text(row.duration_ns)
        lines.append(_line(LineKind.TEXT, f"{took:>9}  {row.method}  {row.status}"))
    if total > _MAX_HOST_CALLS:
        lines.append(_line(LineKind.NOTE, f"… {count_text(total - _MAX_HOST_CALLS, 'more host call')}"))
    return lines


def _output_lines(record: CallRecord, *, reveal: bool) -> list[DetailLine]:
    output = record.output
    if not output:
        return []
    dropped = 0 if record.result is None else record.result.dropped_logs
    lines = [_section(f"Guest output · {count_text(len(output) + dropped, 'line')}")]
    for entry in output[-_MAX_OUTPUT:]:
        text = entry.text if reveal else mask_text(entry.text)
        lines.append(_line(LineKind.OUTPUT, f"{text}…" if entry.is_cut else text))
    left_out = dropped + max(0, len(output) - _MAX_OUTPUT)
    if left_out:
        lines.append(_line(LineKind.NOTE, f"… {count_text(left_out, 'line')} not shown"))
    return lines


def _foreign(kind: LineKind, text: str, *, reveal: bool) -> list[DetailLine]:
    return lines_of(kind, text if reveal else mask_text(text), max_lines=200)


def _moment(time_ns: int) -> str:
    try:
        day = datetime.fromtimestamp(time_ns // 1_000_000_000, tz=UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return f"{time_ns} ns"
    return f"{day:%Y-%m-%d} {clock_text(time_ns)}"


def _fact(name: str, text: str) -> DetailLine:
    return DetailLine(LineKind.FACT, f"{name:<8} {display_text(text)}")


def _section(text: str) -> DetailLine:
    return DetailLine(LineKind.SECTION, display_text(text))


def _line(kind: LineKind, text: str) -> DetailLine:
    return DetailLine(kind, display_text(text))
