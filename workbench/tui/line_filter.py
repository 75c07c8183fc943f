"""The net below every widget: no control character leaves for the terminal, whoever drew it."""

from __future__ import annotations

import re

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal acts on, and lone surrogates, which cannot even be encoded."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class InertLines(LineFilter):
    """Takes control and direction characters out of every line of the screen.

    `workbench.inert.display_text` is the first line of defence and shows what was there; this one catches what
    never went through it. Give it from `App.get_line_filters`.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without control characters; those that have none are passed on as they are."""
        search = _ACTIVE.search
        if not any(search(segment.text) for segment in segments if not segment.control):
            return segments
        return [segment if segment.control else Segment(_harmless(segment.text), segment.style) for segment in segments]


def _harmless(text: str) -> str:
    """The layout gave a lone surrogate one cell and a control character none: so it stays."""
    return _ACTIVE.sub("", _SURROGATE.sub("�", text))
