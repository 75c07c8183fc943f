"""A finished call in words for the call pane: one line of facts, the verdict, then everything to read below it."""

from __future__ import annotations

from typing import Final

from textual.content import Content

from engine.adapters.base import Verdict
from engine.calls import CallResult, Outcome
from engine.errors import EngineError
from workbench.inert import display_text
from workbench.trace.masking import mask_text, masked_pair
from workbench.trace.message_lines import (
    DetailLine,
    LineKind,
    json_lines,
    lines_of,
    shortened,
    shortening_note,
    wire_lines,
)
from workbench.trace.wording import count_text, duration_text, size_text

_MAX_HOST_CALLS: Final = 200
_MAX_OUTPUT: Final = 1_000
_WORTH_NAMING_NS: Final = 1_000_000
_MILD: Final = frozenset({Outcome.NOT_FOUND, Outcome.NOT_IMPLEMENTED, Outcome.CANCELLED})
"""Neither an answer nor a fault."""


def outcome_style(outcome: Outcome) -> str:
    """The colour of an outcome, as a theme variable."""
    if outcome is Outcome.OK:
        return "$text-success"
    return "$text-warning" if outcome in _MILD else "$text-error"


def facts_line(result: CallResult) -> Content:
    """Outcome, duration and where it went, memory, the version that answered."""
    parts = [duration_text(result.duration_ns)] if result.duration_ns else []
    parts += _spent(result)
    if result.memory_bytes:
        parts.append(f"memory {size_text(result.memory_bytes)}")
    if result.generation:
        parts.append(f"{display_text(result.version, limit=20)} load {result.generation}")
    return Content.assemble(
        (f" {result.outcome.value} ", f"bold reverse {outcome_style(result.outcome)}"),
        " ",
        (" · ".join(parts), "$foreground-muted"),
    )


def _spent(result: CallResult) -> list[str]:
    """Where the time went; waiting is named only where it is worth a thought."""
    timings = result.timings
    waits = {"load": timings.load_ns, "queue": timings.queue_ns, "start": timings.start_ns}
    parts = [f"{name} {duration_text(spent_ns)}" for name, spent_ns in waits.items() if spent_ns >= _WORTH_NAMING_NS]
    if timings.guest_ns:
        parts.append(f"guest {duration_text(timings.guest_ns)}")
    total = len(result.host_calls) + result.dropped_host_calls
    if total and timings.host_ns:
        parts.append(f"host {duration_text(timings.host_ns)} in {count_text(total, 'call')}")
    elif total:
        parts.append(count_text(total, "host call"))
    return parts


def verdict_line(verdict: Verdict, result: CallResult) -> Content:
    """What Navidrome would make of the answer; the error itself stands below."""
    mark, style = ("✓", "$text-success") if verdict.ok else ("✗", "$text-warning")
    text = verdict.text.removesuffix(f": {result.error}") if result.error else verdict.text
    return Content.assemble((f"{mark} Navidrome: ", style), display_text(text))


def answer_lines(result: CallResult, *, reveal: bool = False, wire: bool = False) -> tuple[DetailLine, ...]:
    """Error, trap, response, guest output and host calls, in this order.

    Secrets are masked unless `reveal`; `wire` shows the response as hex.
    """
    clean = _Cleaner(reveal=reveal)
    lines = _failure_lines(result, clean)
    if result.is_repaired:
        lines.append(DetailLine(LineKind.NOTE, "The answer held invalid UTF-8; it was replaced by U+FFFD."))
    lines += _response_lines(result, reveal=reveal, wire=wire)
    lines += _output_lines(result, clean)
    lines += _host_call_lines(result, clean)
    return tuple(lines)


def refusal_lines(error: EngineError, *, reveal: bool = False, wire: bool = False) -> tuple[DetailLine, ...]:
    """Why the engine did not take a call; it holds no secrets and no message."""
    lines = lines_of(LineKind.ERROR, error.summary)
    if error.hint:
        lines += lines_of(LineKind.HINT, error.hint)
    return tuple(lines)


class _Cleaner:
    """Foreign text without its secrets, unless they are asked for."""

    def __init__(self, *, reveal: bool) -> None:
        self._reveal = reveal

    def text(self, text: str) -> str:
        """For one line: inert."""
        return display_text(text if self._reveal else mask_text(text))

    def lines(self, kind: LineKind, text: str) -> list[DetailLine]:
        """Over several lines."""
        return lines_of(kind, text if self._reveal else mask_text(text), max_lines=200)


def _failure_lines(result: CallResult, clean: _Cleaner) -> list[DetailLine]:
    lines: list[DetailLine] = []
    if result.error is not None:
        lines += clean.lines(LineKind.ERROR, result.error or "(an empty error text)")
    if result.hint:
        lines += clean.lines(LineKind.HINT, result.hint)
    trap = result.trap
    if trap is not None:
        lines.append(DetailLine(LineKind.SECTION, "Trap"))
        if trap.panic and trap.panic not in (result.error or ""):
            lines += clean.lines(LineKind.ERROR, trap.panic)
        lines += clean.lines(LineKind.TEXT, trap.message)
        lines += [DetailLine(LineKind.TEXT, display_text(f"  at {frame}")) for frame in trap.frames]
    return lines


def _response_lines(result: CallResult, *, reveal: bool, wire: bool) -> list[DetailLine]:
    if result.response is None:
        return []
    lines = [DetailLine(LineKind.SECTION, f"Answer · {result.response.DESCRIPTOR.full_name}")]
    note = shortening_note(result.response)
    if note is not None:
        lines.append(note)
    short = shortened(result.response)
    shown = masked_pair(None, short, reveal=reveal)[1]
    if not wire:
        return lines + json_lines(shown)
    if shown != masked_pair(None, short, reveal=True)[1]:
        return [*lines, DetailLine(LineKind.NOTE, "The message holds secrets; reveal them to see its bytes.")]
    return lines + wire_lines(result.response)


def _output_lines(result: CallResult, clean: _Cleaner) -> list[DetailLine]:
    total = len(result.logs) + result.dropped_logs
    if not total:
        return []
    lines = [DetailLine(LineKind.SECTION, f"Guest output · {count_text(total, 'line')}")]
    for entry in result.logs[:_MAX_OUTPUT]:
        text = clean.text(entry.text)
        lines.append(DetailLine(LineKind.OUTPUT, f"{text}…" if entry.is_cut else text))
    left_out = total - min(len(result.logs), _MAX_OUTPUT)
    if left_out:
        lines.append(DetailLine(LineKind.NOTE, f"… {count_text(left_out, 'line')} not shown"))
    return lines


def _host_call_lines(result: CallResult, clean: _Cleaner) -> list[DetailLine]:
    total = len(result.host_calls) + result.dropped_host_calls
    if not total:
        return []
    lines = [DetailLine(LineKind.SECTION, f"Host calls · {total}")]
    for call in result.host_calls[:_MAX_HOST_CALLS]:
        status = "ok" if call.error is None else clean.text(call.error)
        kind = LineKind.TEXT if call.error is None else LineKind.ERROR
        lines.append(DetailLine(kind, f"{duration_text(call.duration_ns):>9}  {display_text(call.method)}  {status}"))
        lines += [DetailLine(LineKind.HINT, f"           {clean.text(note)}") for note in call.notes]
    left_out = total - min(len(result.host_calls), _MAX_HOST_CALLS)
    if left_out:
        lines.append(DetailLine(LineKind.NOTE, f"… {count_text(left_out, 'more host call')}"))
    return lines
