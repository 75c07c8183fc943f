from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from engine.calls import Outcome, TrapReport
from engine.contracts.api_pb2 import ArtistBiographyResponse
from engine.contracts.host.cache_pb2 import SetBytesRequest, SetResponse
from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from engine.events import EngineWarned, Event
from tests.workbench.trace import facts
from workbench.trace.detail import detail_lines
from workbench.trace.message_lines import DetailLine, LineKind
from workbench.trace.records import CallRecord
from workbench.trace.store import TraceStore


def record_of(events: Iterable[Event]) -> CallRecord:
    store = TraceStore()
    for event in events:
        store.accept(event)
    store.drain()
    record = store.call(0)
    assert record is not None
    return record


def texts(lines: Iterable[DetailLine], *kinds: LineKind) -> list[str]:
    return [line.text for line in lines if not kinds or line.kind in kinds]


def test_a_call_shows_facts_messages_host_calls_and_output() -> None:
    call = facts.host_call()
    answer = facts.result(1, host_calls=[call], logs=[facts.log_line("looking up"), facts.log_line("done")])
    lines = detail_lines(record_of([facts.started(1), facts.finished(answer)]))
    shown = texts(lines)
    assert shown[0] == "MetadataAgent.GetArtistMBID"
    assert "plugin   lyre 1.2.3, load 1" in shown
    assert "outcome  ok after 2.41 ms" in shown
    assert "time     queue 10.0 µs, guest 900 µs, host 1.50 ms" in shown
    assert "memory   4.00 MiB, new instance" in shown
    assert '  "name": "Nina Simone"' in shown
    assert '  "mbid": "nina"' in shown
    assert "  1.50 ms  HttpService.Get  ok" in shown
    assert texts(lines, LineKind.OUTPUT) == ["looking up", "done"]
    assert texts(lines, LineKind.SECTION) == [
        "Request · api.ArtistMBIDRequest",
        "Response · api.ArtistMBIDResponse",
        "Host calls · 1",
        "Guest output · 2 lines",
    ]


def test_a_failed_call_shows_error_hint_panic_and_frames() -> None:
    trap = TrapReport(code="unreachable", message="wasm trap", frames=("main.fail", "main.main"), panic="panic: oh")
    answer = facts.result(1, outcome=Outcome.TRAP, error="stopped \x1b[2J", hint="rebuild it", trap=trap)
    lines = detail_lines(record_of([facts.finished(answer)]))
    assert texts(lines, LineKind.ERROR) == ["stopped ␛[2J", "panic: oh"]
    assert texts(lines, LineKind.HINT) == ["rebuild it"]
    assert "  at main.fail" in texts(lines)
    assert "unreachable: wasm trap" in texts(lines)


def test_a_panic_that_is_the_error_is_shown_once() -> None:
    trap = TrapReport(code="unreachable", message="wasm trap", panic="panic: oh")
    answer = facts.result(1, outcome=Outcome.TRAP, error="panic: oh", trap=trap)
    assert texts(detail_lines(record_of([facts.finished(answer)])), LineKind.ERROR) == ["panic: oh"]


def test_a_running_call_shows_its_request_and_output_so_far() -> None:
    lines = detail_lines(record_of([facts.started(1), facts.wrote("working", call_id=1)]))
    assert "outcome  running" in texts(lines)
    assert '  "id": "1",' in texts(lines)
    assert texts(lines, LineKind.OUTPUT) == ["working"]


def test_a_host_call_shows_its_messages_with_bodies_apart() -> None:
    call = facts.host_call(
        message=HttpRequest(url="http://a/?api_key=k", headers={"Cookie": "c=1"}),
        response=HttpResponse(status=200, body=b'{"name": "nina"}'),
        error=None,
        notes=["redirected to http://b/?token=t"],
    )
    record = record_of([facts.finished(facts.result(1, host_calls=[call]))])
    shown = texts(detail_lines(record.host_calls[0]))
    assert shown[0] == "HttpService.Get"
    assert "plugin   lyre, in call 1" in shown
    assert '  "url": "http://a/?api_key=••••••",' in shown
    assert '    "Cookie": "••••••"' in shown
    assert "redirected to http://b/?token=••••••" in shown
    assert '  "body": "(16 B, below)",' in shown
    assert "Response body, 16 B" in shown
    assert '  "name": "nina"' in shown
    revealed = texts(detail_lines(record.host_calls[0], reveal=True))
    assert '    "Cookie": "c=1"' in revealed


def test_hidden_bytes_are_not_shown_as_a_body_nor_as_hex() -> None:
    call = facts.host_call(
        method="CacheService.SetBytes",
        message=SetBytesRequest(key="session_token", value=b"top secret"),
        response=SetResponse(success=True),
    )
    record = record_of([facts.finished(facts.result(1, host_calls=[call]))])
    row = record.host_calls[0]
    assert not any("secret" in text for text in texts(detail_lines(row)))
    hidden = texts(detail_lines(row, wire=True))
    assert "The message holds secrets; reveal them to see its bytes." in hidden
    assert not any("74 6f 70" in text for text in hidden)
    assert any("74 6f 70 20" in text for text in texts(detail_lines(row, wire=True, reveal=True)))


def test_a_refused_host_call_says_why_and_that_it_stopped_the_guest() -> None:
    call = facts.host_call(error="bad cron", is_trap=True)
    record = record_of([facts.finished(facts.result(1, host_calls=[call]))])
    lines = detail_lines(record.host_calls[0])
    assert texts(lines, LineKind.ERROR) == ["bad cron"]
    assert texts(lines, LineKind.NOTE) == ["This stopped the guest: the calling convention has no error for it."]


def test_a_host_call_that_runs_says_so() -> None:
    call = facts.host_call()
    record = record_of([facts.started(1), facts.host_started(1, call)])
    assert "outcome  running" in texts(detail_lines(record.host_calls[0]))


def test_a_huge_answer_is_cut_and_quick() -> None:
    answer = facts.result(1, response=ArtistBiographyResponse(biography="long " * 2_000_000))
    lines = detail_lines(record_of([facts.finished(answer)]))
    assert any(text.startswith("large message, 9.54 MiB") for text in texts(lines, LineKind.NOTE))
    assert sum(len(text) for text in texts(lines)) < 200_000


def test_a_log_entry_shows_its_text_in_lines() -> None:
    lines = detail_lines(EngineWarned(time_ns=facts.START_NS, summary="one\ntwo token=abc"))
    assert texts(lines)[0] == "engine"
    assert "level    warning" in texts(lines)
    assert texts(lines, LineKind.TEXT)[-2:] == ["one", "two token=••••••"]
    assert texts(detail_lines(facts.wrote("token=abc", call_id=4), reveal=True))[-1] == "token=abc"


def test_messages_that_were_left_out_are_told_with_their_size() -> None:
    call = replace(facts.host_call(), request=None, response=None, is_shortened=True, response_bytes=2048)
    record = record_of([facts.finished(facts.result(1, host_calls=[replace(call, request_bytes=0)]))])
    notes = texts(detail_lines(record.host_calls[0]), LineKind.NOTE)
    assert notes == ["Request and response were left out, 2.00 KiB: this call kept too many."]
