from __future__ import annotations

import re

import pytest

from engine.calls import Timings
from workbench.trace.wording import (
    clock_text,
    count_text,
    date_text,
    duration_text,
    is_told,
    size_text,
    timing_text,
)


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0 ns"),
        (812, "812 ns"),
        (1_000, "1.00 µs"),
        (99_940, "99.9 µs"),
        (999_499, "999 µs"),
        (999_500, "1.00 ms"),
        (2_410_000, "2.41 ms"),
        (999_499_999, "999 ms"),
        (999_500_000, "1.00 s"),
        (99_949_000_000, "99.9 s"),
        (123_000_000_000, "2m 03s"),
        (7_200_000_000_000, "2h 00m"),
    ],
)
def test_durations_have_three_digits(duration_ns: int, text: str) -> None:
    assert duration_text(duration_ns) == text
    assert len(text) <= 7


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.50 KiB"),
        (1 << 20, "1.00 MiB"),
        (256 << 20, "256 MiB"),
        (3 << 30, "3.00 GiB"),
        (5000 << 30, "5000 GiB"),
    ],
)
def test_sizes_are_in_powers_of_1024(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text


def test_counts_have_their_noun() -> None:
    assert count_text(1, "call") == "1 call"
    assert count_text(12_345, "entry", "entries") == "12 345 entries"


def test_the_time_of_day_has_milliseconds() -> None:
    assert re.fullmatch(r"\d\d:\d\d:07\.250", clock_text(1_767_225_607_250_999_999))


def test_an_impossible_time_is_shown_as_unknown() -> None:
    assert clock_text(10**30) == "--:--:--.---"


def test_a_date_has_a_fixed_form_and_survives_odd_clocks() -> None:
    assert re.fullmatch(r"2026-03-\d\d \d\d:\d\d:\d\d", date_text(1_773_137_250_000_000_000))
    assert date_text(10**30) == "at a time out of range"


@pytest.mark.parametrize(
    ("timings", "text"),
    [
        (Timings(), ""),
        (Timings(guest_ns=900_000), "guest 900 µs"),
        (
            Timings(load_ns=1, queue_ns=2, start_ns=3, guest_ns=4, host_ns=5),
            "load 1 ns, queue 2 ns, start 3 ns, guest 4 ns, host 5 ns",
        ),
    ],
)
def test_parts_of_a_call_that_took_no_time_are_left_out(timings: Timings, text: str) -> None:
    assert timing_text(timings) == text


@pytest.mark.parametrize(
    ("text", "is_named"), [("stopped at a.go:3", True), ("a.go:3: odd", True), ("a.go:31: odd", False), ("odd", False)]
)
def test_a_place_is_told_by_its_own_number_only(text: str, is_named: bool) -> None:
    assert is_told("a.go:3", text) is is_named
