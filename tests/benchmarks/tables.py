"""Medians and spread of repeated measurements, as a table for people."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Repeated measurements of one thing, in nanoseconds."""

    what: str
    samples_ns: Sequence[int]


def table(title: str, rows: Sequence[Row]) -> str:
    """Median, 95th percentile and count of each row, in fitting units."""
    lines = [title, f"  {'':<46} {'median':>10} {'p95':>10} {'n':>5}"]
    for row in rows:
        ordered = sorted(row.samples_ns)
        p95 = ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
        lines.append(
            f"  {row.what:<46} {duration(statistics.median(ordered)):>10} {duration(p95):>10} {len(ordered):>5}"
        )
    return "\n".join(lines)


def duration(nanoseconds: float) -> str:
    """A time for people, in the unit that fits."""
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= factor:
            return f"{nanoseconds / factor:.2f} {unit}"
    return f"{nanoseconds:.0f} ns"


def size(count: float) -> str:
    """A number of bytes for people, in MiB; a difference may be negative."""
    return f"{count / 2**20:.1f} MiB"
