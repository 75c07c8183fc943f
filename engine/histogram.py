"""Times in buckets whose width grows with the value: percentiles of any number of values in little memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SUB_BITS: Final = 3
_SUB_BUCKETS: Final = 1 << _SUB_BITS
"""Buckets per doubling: a bucket is at most an eighth wider than its lower end."""
_LARGEST_NS: Final = (1 << 52) - 1
"""Fifty-two days; longer ones are counted as that. So there are at most 400 buckets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFigures:
    """What many durations came to, in nanoseconds; all zero while there was none.

    A percentile is the upper end of its bucket: never too small, and at most an eighth too large.
    """

    count: int = 0
    median_ns: int = 0
    p95_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0


class TimeHistogram:
    """Counts durations; belongs to one thread."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._count = 0
        self._max_ns = 0

    def add(self, duration_ns: int) -> None:
        """Count one duration; below zero counts as zero."""
        value = min(max(0, duration_ns), _LARGEST_NS)
        bucket = _bucket(value)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._count += 1
        self._max_ns = max(self._max_ns, value)

    @property
    def buckets(self) -> int:
        """How many buckets are in use; bounded whatever is counted."""
        return len(self._counts)

    def figures(self) -> TimeFigures:
        """The figures of everything counted so far."""
        return TimeFigures(
            count=self._count,
            median_ns=self._percentile(50),
            p95_ns=self._percentile(95),
            p99_ns=self._percentile(99),
            max_ns=self._max_ns,
        )

    def _percentile(self, percent: int) -> int:
        wanted = -(-self._count * percent // 100)
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return min(_upper_end(bucket), self._max_ns)
        return 0


def _bucket(value: int) -> int:
    """Small values are their own bucket; of others the leading bits decide, with the number of bits left out."""
    left_out = max(0, value.bit_length() - _SUB_BITS - 1)
    return (left_out << _SUB_BITS) + (value >> left_out)


def _upper_end(bucket: int) -> int:
    """The largest value of a bucket."""
    left_out = max(0, (bucket >> _SUB_BITS) - 1)
    leading = bucket - (left_out << _SUB_BITS)
    return ((leading + 1) << left_out) - 1
