"""Facts on their way to a reader that is quick, slow or gone."""

from __future__ import annotations

import errno
import io
import sys
import threading

import pytest

from engine.events import EngineWarned, Event
from tests.waiting import wait_until
from workbench.cli.fact_writer import CAPACITY, FactWriter


class SlowStream(io.StringIO):
    """Blocks in `write` until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.go = threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        self.go.wait(10)
        return super().write(text)


class GoneStream(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class FullStream(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def fact(number: int) -> Event:
    return EngineWarned(time_ns=number, summary=str(number))


def render(event: Event) -> list[str]:
    assert isinstance(event, EngineWarned)
    return [event.summary]


def writer(on_gone: threading.Event | None = None) -> FactWriter:
    return FactWriter(render, lambda lost: f"lost {lost}", (on_gone or threading.Event()).set)


def test_facts_come_out_in_order_and_all_before_it_closes(capsys: pytest.CaptureFixture[str]) -> None:
    facts = writer()
    for number in range(1000):
        facts.take(fact(number))
    facts.close(10)
    assert capsys.readouterr().out.split() == [str(number) for number in range(1000)]


def test_a_stalled_reader_costs_the_oldest_facts_and_never_blocks_the_publisher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = SlowStream()
    monkeypatch.setattr(sys, "stdout", stream)
    facts = writer()
    facts.take(fact(-1))
    assert stream.entered.wait(10)
    for number in range(CAPACITY + 5):
        facts.take(fact(number))
    stream.go.set()
    facts.close(10)
    lines = stream.getvalue().splitlines()
    assert lines[:3] == ["-1", "lost 5", "5"]
    assert len(lines) == CAPACITY + 2


def test_a_reader_that_left_is_reported_once_and_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", GoneStream())
    gone = threading.Event()
    facts = writer(gone)
    facts.take(fact(1))
    wait_until(gone.is_set, what="the missing reader to be noticed")
    facts.take(fact(2))
    facts.close(10)
    assert isinstance(facts.failure, BrokenPipeError)


def test_a_full_disk_ends_the_writing_and_is_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", FullStream())
    gone = threading.Event()
    facts = writer(gone)
    facts.take(fact(1))
    wait_until(gone.is_set, what="the full disk to be noticed")
    facts.close(10)
    assert isinstance(facts.failure, OSError)
    assert facts.failure.errno == errno.ENOSPC


def test_a_fact_that_cannot_be_rendered_is_named_and_the_others_follow(capsys: pytest.CaptureFixture[str]) -> None:
    def fussy(event: Event) -> list[str]:
        (text,) = render(event)
        if text == "2":
            raise ValueError("token=secret")
        return [text]

    facts = FactWriter(fussy, str, lambda: None)
    for number in (1, 2, 3):
        facts.take(fact(number))
    facts.close(10)
    named = "a fact cannot be shown, EngineWarned: rendering it raised ValueError"
    assert capsys.readouterr().out.splitlines() == ["1", named, "3"]
    assert facts.failure is None


def test_heavy_facts_fall_out_before_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SlowStream()
    monkeypatch.setattr(sys, "stdout", stream)
    facts = FactWriter(lambda event: [str(event.time_ns)], lambda lost: f"lost {lost}", str, max_bytes=10_000)
    facts.take(fact(-1))
    assert stream.entered.wait(10)
    for number in range(5):
        facts.take(EngineWarned(time_ns=number, summary="x" * 4000))
    stream.go.set()
    facts.close(10)
    assert stream.getvalue().splitlines() == ["-1", "lost 3", "3", "4"]


def test_facts_are_rendered_only_when_their_turn_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SlowStream()
    monkeypatch.setattr(sys, "stdout", stream)
    rendered: list[int] = []

    def noting(event: Event) -> list[str]:
        rendered.append(event.time_ns)
        return render(event)

    facts = FactWriter(noting, str, lambda: None)
    for number in range(50):
        facts.take(fact(number))
    assert stream.entered.wait(10)
    assert rendered == [0]
    stream.go.set()
    facts.close(10)
    assert len(rendered) == 50
