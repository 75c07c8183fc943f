from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from workbench.tui.line_filter import InertLines

BLACK = Color(0, 0, 0)


def test_lines_without_controls_are_passed_on_untouched() -> None:
    segments = [Segment("plain é 漢"), Segment("[/]", Style(bold=True))]
    assert InertLines().apply(segments, BLACK) is segments


def test_controls_are_taken_out_and_the_width_stays() -> None:
    hostile = [Segment("a\x1b]52;c;x\x07b\x9b\u202ec\ud800", Style(bold=True)), Segment("ok")]
    filtered = InertLines().apply(hostile, BLACK)
    assert [segment.text for segment in filtered] == ["a]52;c;xbc\ufffd", "ok"]
    assert filtered[0].style == Style(bold=True)
    assert Segment.get_line_length(filtered) == Segment.get_line_length(hostile)
