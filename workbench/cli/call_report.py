"""What one call came to: as lines for people, and as the JSON object that `call --json` promises.

The answer is shown as the plugin gave it; in host calls and guest output secrets are hidden, because reports end
up in the logs of other machines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from engine.adapters import Verdict
from engine.calls import CallResult, HostCall, LogLine
from engine.contracts import codec
from workbench.cli.output import Colour, painted
from workbench.inert import display_lines, display_text
from workbench.trace.exporters import result_to_json
from workbench.trace.masking import mask_text, masked_pair
from workbench.trace.wording import count_text, duration_text, size_text, timing_text

_MAX_HOST_CALLS = 50
"""Lines of host calls for people; `--json` has them all."""
_OUTPUT_HEAD, _OUTPUT_TAIL = 30, 10
"""Lines of guest output from its beginning, where a panic stands, and from its end."""
_MAX_ANSWER_LINES = 2_000
_MAX_FRAMES = 12


def as_json(result: CallResult) -> dict[str, object]:
    """The object that `call --json` prints; its keys are promises to scripts."""
    response = None if result.response is None else codec.to_value(result.response)
    return result_to_json(result) | {"response": response, "error": result.error}


def as_lines(result: CallResult, verdict: Verdict) -> Iterator[str]:
    """The report for people: outcome, error and what to do, the answer, what happened meanwhile."""
    yield _headline(result)
    if result.error is not None:
        yield from _block("error", display_lines(result.error))
    if result.trap is not None:
        panic = result.trap.panic
        if panic and panic not in (result.error or ""):
            yield from _block("guest", display_lines(panic))
        yield from _block("at", [display_text(frame) for frame in result.trap.frames[:_MAX_FRAMES]])
    if result.hint:
        yield from _block("hint", display_lines(result.hint))
    if result.response is not None:
        yield ""
        text = json.dumps(codec.to_value(result.response), indent=2, ensure_ascii=False)
        yield from display_lines(text, max_lines=_MAX_ANSWER_LINES)
        if result.is_repaired:
            yield "(text that was not valid UTF-8 was repaired)"
    yield from _section(_host_call_lines(result))
    yield from _section(_output_lines(result))
    yield ""
    if cost := _cost_line(result):
        yield cost
    yield f"in Navidrome: {display_text(verdict.text)}"


def _headline(result: CallResult) -> str:
    colour = Colour.GOOD if result.ok else Colour.BAD
    version = f" {result.version}" if result.version else ""
    who = display_text(f"{result.plugin}{version}")
    return f"{who}  {result.method}  {painted(str(result.outcome), colour)}  {duration_text(result.duration_ns)}"


def _block(label: str, lines: Sequence[str]) -> Iterator[str]:
    """Lines under one label, the later ones indented to the first."""
    for position, line in enumerate(lines):
        yield f"{label}: {line}" if position == 0 else f"{' ' * (len(label) + 2)}{line}"


def _section(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield from lines


def _host_call_lines(result: CallResult) -> list[str]:
    calls = result.host_calls
    total = len(calls) + result.dropped_host_calls
    if not total:
        return []
    lines = [f"{count_text(total, 'host call')}:"]
    width = max((len(call.method) for call in calls[:_MAX_HOST_CALLS]), default=0)
    for call in calls[:_MAX_HOST_CALLS]:
        status = "ok" if call.ok else painted("trap" if call.is_trap else "error", Colour.BAD)
        lines.append(f"  {call.method:<{width}}  {duration_text(call.duration_ns):>8}  {status}{_what_about(call)}")
        lines += [f"    {display_text(mask_text(note))}" for note in call.notes]
    left_out = total - min(len(calls), _MAX_HOST_CALLS)
    if left_out:
        lines.append(f"  … {left_out} more")
    return lines


def _what_about(call: HostCall) -> str:
    """What a host call was asked for, its scalars only, and the error it brought."""
    request, _ = masked_pair(call.request, None)
    asked = ", ".join(f"{name}={value}" for name, value in (request or {}).items() if _is_worth_a_word(value))
    text = f"  {display_text(asked, limit=120)}" if asked else ""
    return f"{text}  {display_text(mask_text(call.error))}" if call.error else text


def _is_worth_a_word(value: object) -> bool:
    return isinstance(value, str | int | float) and value not in ("", 0, "0")


def _output_lines(result: CallResult) -> list[str]:
    if not result.logs and not result.dropped_logs:
        return []
    lines = [f"  {line.stream}  {_output_text(line)}" for line in result.logs]
    left_out = result.dropped_logs
    tail: list[str] = []
    if len(lines) > _OUTPUT_HEAD + _OUTPUT_TAIL:
        left_out += len(lines) - _OUTPUT_HEAD - _OUTPUT_TAIL
        lines, tail = lines[:_OUTPUT_HEAD], lines[-_OUTPUT_TAIL:]
    if left_out:
        lines.append(f"  … {count_text(left_out, 'line')} left out")
    return ["guest output:", *lines, *tail]


def _output_text(line: LogLine) -> str:
    text = display_text(mask_text(line.text))
    return f"{text}…" if line.is_cut and not text.endswith("…") else text


def _cost_line(result: CallResult) -> str:
    """What the call took; empty when it took nothing, as a call that was refused."""
    spent = timing_text(result.timings)
    parts = [f"time: {spent}"] if spent else []
    if result.memory_bytes:
        parts.append(f"memory {size_text(result.memory_bytes)}")
    return "; ".join(parts)
