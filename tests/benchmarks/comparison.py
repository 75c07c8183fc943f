"""Figures of this engine beside those of the Go stack: medians, spread, ratio, and whether the aim is reached."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.benchmarks.tables import duration, size


class Unit(StrEnum):
    """What the samples of a figure count."""

    NANOSECONDS = "ns"
    BYTES = "bytes"

    def show(self, value: float) -> str:
        """The value for people."""
        return duration(value) if self is Unit.NANOSECONDS else size(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing measured on both sides; smaller is better. Without Go its samples are missing."""

    key: str
    """Names the figure for programs; stays the same from version to version."""
    what: str
    unit: Unit = Unit.NANOSECONDS
    ours: Sequence[float]
    go: Sequence[float] = field(default=())
    most_ratio: float | None = None
    """Reached when our median is at most so much of the Go stack's."""
    most: float | None = None
    """Reached when our median is at most so much, in `unit`."""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Our median over the Go stack's."""
        return statistics.median(self.ours) / statistics.median(self.go) if self.ours and self.go else None

    @property
    def reach(self) -> str:
        """What is aimed at, in words; empty where nothing is."""
        if self.most_ratio is not None:
            return f"<= {self.most_ratio:g} x"
        return f"<= {self.unit.show(self.most)}" if self.most is not None else ""

    @property
    def is_reached(self) -> bool | None:
        """Whether the aim is reached; None where there is none, or nothing to compare with."""
        if self.most_ratio is not None:
            return None if self.ratio is None else self.ratio <= self.most_ratio
        return statistics.median(self.ours) <= self.most if self.most is not None and self.ours else None

    def as_json(self) -> Mapping[str, object]:
        """The figure as JSON takes it, samples included."""
        return {
            "key": self.key,
            "what": self.what,
            "unit": self.unit.value,
            "ours": _side(self.ours),
            "go": _side(self.go),
            "ratio": self.ratio,
            "reach": {"ratio": self.most_ratio, "most": self.most},
            "is_reached": self.is_reached,
            "note": self.note,
        }


def spread(samples: Sequence[float]) -> float | None:
    """Half of the range in which the middle half of the samples lies, as a part of the median; None for one sample."""
    median = statistics.median(samples)
    if len(samples) < 2 or not median:
        return None
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return (high - low) / 2 / abs(median)


def comparison(title: str, figures: Sequence[Figure]) -> str:
    """The figures as a table, notes below it."""
    width = max(len(figure.what) for figure in figures)
    lines = [title, f"  {'':<{width}} {'ours':>19} {'Go stack':>19} {'ratio':>7}  {'reach':<11}"]
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.3f}" if figure.ratio < 0.1 else f"{figure.ratio:.2f}"
        verdict = {True: "reached", False: "MISSED", None: ""}[figure.is_reached]
        line = (
            f"  {figure.what:<{width}} {_shown(figure, figure.ours):>19} {_shown(figure, figure.go):>19} {ratio:>7}"
            f"  {figure.reach:<11} {verdict}"
        )
        lines.append(line.rstrip())
    notes = [f"  {figure.what}:\n    {figure.note}" for figure in figures if figure.note]
    return "\n".join([*lines, "", *notes])


def _shown(figure: Figure, samples: Sequence[float]) -> str:
    if not samples:
        return "-"
    part = spread(samples)
    around = "" if part is None else f" ±{part:.0%}"
    return figure.unit.show(statistics.median(samples)) + around


def _side(samples: Sequence[float]) -> Mapping[str, object] | None:
    if not samples:
        return None
    return {
        "median": statistics.median(samples),
        "spread": spread(samples),
        "count": len(samples),
        "samples": list(samples),
    }
