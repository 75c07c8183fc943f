"""Facts on their way to a reader that is quick, slow or gone."""

from __future__ import annotations

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
