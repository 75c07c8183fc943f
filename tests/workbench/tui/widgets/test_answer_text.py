"""An answer in words."""

from __future__ import annotations

import pytest

from engine.adapters.base import Verdict
from engine.calls import HostCall, HostCallId, LogLine, Outcome, OutputStream, Timings, TrapReport
from engine.contracts import api_pb2
from tests.workbench.tui.values import answer
from workbench.trace.message_lines import LineKind
from workbench.tui.widgets.answer_text import answer_lines, facts_line, outcome_style, verdict_line


def texts(**changes: object) -> list[str]:
    return [line.text for line in answer_lines(answer(**changes))]


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_colour_and_stands_first(outcome: Outcome) -> None:
    assert outcome_style(outcome).startswith("$text-")
    assert facts_line(answer(outcome=outcome)).plain.startswith(f" {outcome.value} ")


def test_waits_too_short_to_matter_are_not_named() -> None:
    facts = facts_line(answer()).plain
    assert "queue" in facts
    assert "load 1" in facts
    assert "start" not in facts


def test_parts_that_took_no_time_are_not_named() -> None:
    assert facts_line(answer(timings=Timings(), memory_bytes=0)).plain == " ok  8.00 ms · 1 host call · 1.2.0 load 1"


def test_the_error_is_not_said_twice() -> None:
    result = answer(outcome=Outcome.ERROR, error="no key")
    line = verdict_line(Verdict(ok=False, text="the call fails: no key"), result)
    assert line.plain.endswith("Navidrome: the call fails")


def test_a_trap_shows_the_guests_own_words_and_the_frames() -> None:
    trap = TrapReport(code="unreachable", message="wasm trap", frames=("main.boom", "main.run"), panic="panic: oh no")
    shown = texts(outcome=Outcome.TRAP, error="wasm trap: unreachable", response=None, trap=trap)
    assert shown[:5] == ["wasm trap: unreachable", "Trap", "panic: oh no", "wasm trap", "  at main.boom"]


def test_a_panic_that_is_the_error_is_shown_once() -> None:
    trap = TrapReport(code="unreachable", message="wasm trap", panic="panic: oh no")
    assert texts(outcome=Outcome.TRAP, error="panic: oh no", response=None, trap=trap).count("panic: oh no") == 1


def test_an_empty_error_text_is_still_an_error() -> None:
    assert texts(outcome=Outcome.ERROR, error="", response=None)[0] == "(an empty error text)"


def test_repaired_text_is_pointed_out() -> None:
    assert any("invalid UTF-8" in text for text in texts(is_repaired=True))


def test_what_was_dropped_is_counted() -> None:
    shown = texts(dropped_host_calls=1_200, dropped_logs=3)
    assert "Host calls · 1201" in shown
    assert "… 1 200 more host calls" in shown
    assert "Guest output · 4 lines" in shown
    assert "… 3 lines not shown" in shown


def test_a_refused_host_call_shows_its_error_and_notes() -> None:
    refused = HostCall(
        host_call_id=HostCallId(1),
        method="HttpService.Get",
        request=None,
        response=None,
        error="URL not allowed",
        start_ns=0,
        duration_ns=1_000,
        notes=("add it to allowedUrls",),
    )
    lines = answer_lines(answer(host_calls=(refused,)))
    assert (LineKind.ERROR, True) in {(line.kind, "URL not allowed" in line.text) for line in lines}
    assert any(line.kind is LineKind.HINT and "add it to allowedUrls" in line.text for line in lines)


def test_secrets_in_guest_output_are_masked_until_asked_for() -> None:
    log = LogLine(stream=OutputStream.STDERR, text="Authorization: Bearer abcdef123456", time_ns=0)
    assert not any("abcdef123456" in text for text in texts(logs=(log,)))
    revealed = answer_lines(answer(logs=(log,)), reveal=True)
    assert any("abcdef123456" in line.text for line in revealed)


def test_a_large_answer_is_cut_and_says_so() -> None:
    lines = answer_lines(answer(response=api_pb2.ArtistBiographyResponse(biography="x" * 3_000_000)))
    assert sum(len(line.text) for line in lines) < 200_000
    assert any(line.kind is LineKind.NOTE and "large message" in line.text for line in lines)


def test_the_answer_can_be_read_as_hex() -> None:
    lines = answer_lines(answer(), wire=True)
    assert any(line.kind is LineKind.HEX and "Born" in line.text for line in lines)
