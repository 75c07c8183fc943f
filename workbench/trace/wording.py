"""Times, durations, sizes and places in words, the same on the screen, the command line and in reports."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.calls import Timings


def clock_text(time_ns: int) -> str:
    """Local time of day with milliseconds, `14:03:07.250`; always 12 characters."""
    try:
        local = time.localtime(time_ns // 1_000_000_000)
    except (OverflowError, OSError, ValueError):
        # A clock that a test or a guest-visible setting put out of the platform's range.
        return "--:--:--.---"
    return f"{local.tm_hour:02}:{local.tm_min:02}:{local.tm_sec:02}.{time_ns // 1_000_000 % 1000:03}"


def date_text(time_ns: int) -> str:
    """Local date and time of day to the second, `2026-03-10 14:03:07`."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_ns // 1_000_000_000))
    except (OverflowError, OSError, ValueError):
        return "at a time out of range"


def duration_text(duration_ns: int) -> str:
    """A duration with three significant digits at most and at most 7 characters: `812 ns`, `1.25 ms`, `2m 03s`."""
    if duration_ns < 1_000:
        return f"{duration_ns} ns"
    if duration_ns < 999_500:
        return f"{_three_digits(duration_ns / 1_000)} µs"
    if duration_ns < 999_500_000:
        return f"{_three_digits(duration_ns / 1_000_000)} ms"
    seconds = duration_ns / 1_000_000_000
    if seconds < 99.95:
        return f"{_three_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m"


def timing_text(timings: Timings) -> str:
    """Where the time of a call went, parts that took none left out: `queue 10.0 µs, guest 900 µs`; may be empty."""
    parts = {
        "load": timings.load_ns,
        "queue": timings.queue_ns,
        "start": timings.start_ns,
        "guest": timings.guest_ns,
        "host": timings.host_ns,
    }
    return ", ".join(f"{name} {duration_text(spent_ns)}" for name, spent_ns in parts.items() if spent_ns)


def size_text(size_bytes: int) -> str:
    """A number of bytes: `512 B`, `1.50 KiB`, `256 MiB`."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    size = size_bytes / 1024
    unit = "KiB"
    for larger in ("MiB", "GiB"):
        if size < 999.5:
            break
        size /= 1024
        unit = larger
    return f"{_three_digits(size)} {unit}"


def count_text(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 call`, `12 345 calls`; thousands are set apart."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{number:,} {noun}".replace(",", " ")


def is_told(place: str, text: str) -> bool:
    """Whether `text` names a place already, so that it need not be told again: `a.go:3` is not told by `a.go:31`."""
    return re.search(rf"{re.escape(place)}(?![0-9])", text) is not None


def _three_digits(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
