"""Durations and sizes as Navidrome reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.quantities import parse_duration, parse_size

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("5s", 5 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("1m1m", 120 * SECOND),
        ("1.5s", SECOND * 3 // 2),
        (".5m", 30 * SECOND),
        ("2.h", 7200 * SECOND),
        ("-5s", -5 * SECOND),
        ("+5s", 5 * SECOND),
        ("1us2ns", 1002),
        ("1µs", 1000),
        ("1μs", 1000),
        ("0.000000001s", 1),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "-", "5", "s", ".s", "1 h", " 1h", "1h ", "1d", "tomorrow", "1h-5m", "３s", "9999999h", "1s" * 200]
)
def test_what_is_no_duration_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 90s, 1h30m or 500ms"):
        parse_duration(text)


@settings(deadline=None)
@given(st.integers(0, 2**62))
def test_a_duration_in_nanoseconds_is_exact(nanoseconds: int) -> None:
    assert parse_duration(f"{nanoseconds}ns") == nanoseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("100MB", 100_000_000),
        ("100mb", 100_000_000),
        ("10MiB", 10_485_760),
        ("10 mib ", 10_485_760),
        ("200K", 200_000),
        ("1Ki", 1024),
        ("7B", 7),
        ("1,000", 1000),
        ("1.5GB", 1_500_000_000),
        (".5k", 500),
        ("2.", 2),
        ("1TiB", 2**40),
        ("1P", 10**15),
        ("15EiB", 15 * 2**60),
        ("0", 0),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "lots", "MB", "-1", "+1", "1.2.3", ",", ".", "1ZB", "1 M B", "16EiB", "１MB", "0x10"]
)
def test_unreadable_sizes_are_none(text: str) -> None:
    assert parse_size(text) is None
