"""The histogram: percentiles that are near the truth, in bounded memory."""

from __future__ import annotations

import math
import random

import pytest

from engine.histogram import TimeFigures, TimeHistogram


def test_without_a_value_everything_is_zero() -> None:
    assert TimeHistogram().figures() == TimeFigures()


@pytest.mark.parametrize("value", [0, 1, 15, 16, 17, 255, 1_000_000, 2**40 + 1])
def test_one_value_is_told_exactly(value: int) -> None:
    histogram = TimeHistogram()
    histogram.add(value)
    assert histogram.figures() == TimeFigures(count=1, median_ns=value, p95_ns=value, p99_ns=value, max_ns=value)


def test_a_percentile_is_never_below_the_truth_and_at_most_an_eighth_above_it() -> None:
    histogram = TimeHistogram()
    generator = random.Random(7)
    values = sorted(round(math.exp(generator.gauss(12, 3))) for _ in range(5_000))
    for value in values:
        histogram.add(value)
    figures = histogram.figures()
    for percent, told in ((50, figures.median_ns), (95, figures.p95_ns), (99, figures.p99_ns)):
        truth = values[math.ceil(len(values) * percent / 100) - 1]
        assert truth <= told <= truth * 9 / 8
    assert (figures.count, figures.max_ns) == (5_000, values[-1])


def test_a_single_slow_one_does_not_move_the_median() -> None:
    histogram = TimeHistogram()
    for value in [100] * 99 + [10**12]:
        histogram.add(value)
    figures = histogram.figures()
    assert figures.median_ns <= 112
    assert figures.p99_ns <= 112
    assert figures.max_ns == 10**12


def test_memory_is_bounded_whatever_is_counted() -> None:
    histogram = TimeHistogram()
    for exponent in range(80):
        for part in range(32):
            histogram.add((1 << exponent) + part * (1 << exponent) // 32)
    histogram.add(-5)
    assert histogram.buckets <= 400
    assert histogram.figures().max_ns == 2**52 - 1
