"""What `call` prints of a result, for people and for scripts."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from engine.adapters import Verdict
from engine.calls import (
    CallId,
    CallResult,
    HostCall,
    HostCallId,
    LogLine,
    Outcome,
    OutputStream,
    PluginId,
    Timings,
    TrapReport,
)
from engine.contracts.codec import build
from engine.contracts.registry import find_method, message_type
from workbench.cli.call_report import as_json, as_lines

BIOGRAPHY = find_method("GetArtistBiography")
PROMISED = {
    "plugin",
    "version",
    "method",
    "ok",
    "outcome",
    "response",
    "error",
    "duration_ms",
    "timings",
    "host_calls",
    "logs",
}
"""The keys that scripts may count on."""


def result(**changes: Any) -> CallResult:
    base = CallResult(
        call_id=CallId(1),
        plugin=PluginId("lyre"),
        version="1.2.0",
        generation=1,
        method=BIOGRAPHY.full_name,
        request=build(BIOGRAPHY.request_type, {"name": "Nina Simone"}),
        outcome=Outcome.OK,
        response=build(BIOGRAPHY.response_type, {"biography": "High Priestess of Soul"}),
        duration_ns=1_500_000,
    )
    return dataclasses.replace(base, **changes)


def lines(**changes: Any) -> list[str]:
    return list(as_lines(result(**changes), Verdict(ok=True, text="used as it is")))


def log(text: str) -> LogLine:
    return LogLine(stream=OutputStream.STDERR, text=text, time_ns=0)


def http_call(**changes: Any) -> HostCall:
    request = {"url": "http://127.0.0.1:1/v1?api_key=s3cret", "headers": {"Authorization": "Bearer abcdef123456"}}
    base = HostCall(
        host_call_id=HostCallId(1),
        method="HttpService.Get",
        request=build(message_type("http.HttpRequest"), request),
        response=build(message_type("http.HttpResponse"), {"status": 200}),
        error=None,
        start_ns=0,
        duration_ns=2_000_000,
    )
    return dataclasses.replace(base, **changes)


def test_json_has_every_promised_key_and_messages_with_all_their_fields() -> None:
    value = as_json(result(response=build(BIOGRAPHY.response_type, {})))
    assert value.keys() >= PROMISED
    assert (value["ok"], value["outcome"], value["duration_ms"]) == (True, "ok", 1.5)
    assert value["response"] == {"biography": ""}
    assert json.loads(json.dumps(value)) == value


def test_json_of_a_failure_has_no_response_and_is_not_ok() -> None:
    value = as_json(result(outcome=Outcome.NOT_FOUND, response=None, error="plugin:not_found"))
    assert (value["ok"], value["outcome"], value["response"]) == (False, "not_found", None)
    assert value["error"] == "plugin:not_found"


def test_the_answer_is_told_as_the_plugin_gave_it_but_what_the_host_knows_is_masked() -> None:
    answer = {"biography": "see http://x/?token=abc123"}
    changed = result(
        response=build(BIOGRAPHY.response_type, answer), host_calls=(http_call(),), logs=(log("token=x1"),)
    )
    assert as_json(changed)["response"] == answer
    text = json.dumps(as_json(changed)) + "\n".join(as_lines(changed, Verdict(ok=True, text="")))
    assert "s3cret" not in text
    assert "abcdef123456" not in text
    assert "token=x1" not in text


def test_people_see_who_answered_what_and_how_long_it_took_first() -> None:
    shown = lines()
    assert shown[0] == "lyre 1.2.0  MetadataAgent.GetArtistBiography  ok  1.50 ms"
    assert '  "biography": "High Priestess of Soul"' in shown
    assert shown[-1] == "in Navidrome: used as it is"


def test_only_what_took_time_stands_in_the_line_of_times() -> None:
    spent = lines(timings=Timings(guest_ns=1_000_000, start_ns=2_000_000), memory_bytes=65_536)
    assert spent[-2] == "time: start 2.00 ms, guest 1.00 ms; memory 64.0 KiB"
    assert not any("time" in line for line in lines())


def test_an_error_stands_before_everything_else_with_the_way_out() -> None:
    trap = TrapReport(
        code="UNREACHABLE", message="unreachable", frames=("main.fail", "runtime.main"), panic="panic: no"
    )
    shown = lines(outcome=Outcome.TRAP, response=None, error="wasm trap\nin two lines", hint="Mend it.", trap=trap)
    assert shown[1:7] == [
        "error: wasm trap",
        "       in two lines",
        "guest: panic: no",
        "at: main.fail",
        "    runtime.main",
        "hint: Mend it.",
    ]


def test_host_calls_are_listed_with_what_was_asked_and_why_it_failed() -> None:
    refused = http_call(error="connection refused", notes=("redirected to http://b/",))
    text = "\n".join(lines(host_calls=(http_call(), refused), dropped_host_calls=1))
    assert "3 host calls:" in text
    assert "HttpService.Get   2.00 ms  ok  url=http://127.0.0.1:1/v1?api_key=" in text
    assert "error  url=" in text
    assert "connection refused" in text
    assert "    redirected to http://b/" in text
    assert "\n  … 1 more" in text


def test_long_output_keeps_its_beginning_and_its_end_and_says_what_is_missing() -> None:
    text = "\n".join(lines(logs=tuple(log(f"line {number}") for number in range(100)), dropped_logs=5))
    assert "line 0\n" in text and "line 29\n" in text and "line 99" in text
    assert "line 30\n" not in text
    assert "… 65 lines left out" in text


def test_nothing_a_plugin_says_reaches_the_terminal_as_a_control_sequence() -> None:
    hostile = "\x1b]52;c;AAAA\x07\x1b[2J\u202e\x9b"
    shown = lines(
        plugin=PluginId(hostile),
        version=hostile,
        error=hostile,
        hint=hostile,
        outcome=Outcome.ERROR,
        response=build(BIOGRAPHY.response_type, {"biography": hostile}),
        logs=(log(hostile),),
        host_calls=(http_call(error=hostile, notes=(hostile,)),),
        trap=TrapReport(code=None, message=hostile, frames=(hostile,), panic=hostile),
    )
    assert all(line.isprintable() for line in shown)


def test_a_repaired_answer_says_so() -> None:
    assert any("repaired" in line for line in lines(is_repaired=True))
