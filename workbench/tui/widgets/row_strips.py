"""From pieces of text to the strips that Textual draws, kept as long as styles, width and row stay the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip
from textual.widget import Widget

from workbench.inert import LINE_LIMIT, display_text

Piece = tuple[str, str]
"""Text of one style in a row, and the component class that gives the style; an empty name is the widget's own."""

_KEPT: Final = 512
"""Rows kept; a screen has 60 or so."""


class RowStrips:
    """Strips of one widget. Styles are looked up once, and again after `clear`."""

    def __init__(self, widget: Widget, cursor_component: str) -> None:
        """`cursor_component` gives the background of the row under the cursor."""
        self._widget = widget
        self._cursor_component = cursor_component
        self._strips: LRUCache[Hashable, Strip] = LRUCache(_KEPT)
        self._styles: dict[str, Style] = {}

    def clear(self) -> None:
        """Forget everything: styles changed, or the rows mean something else."""
        self._styles.clear()
        self._strips.clear()

    def style(self, component: str = "") -> Style:
        """The style of a component class, or of the widget itself."""
        style = self._styles.get(component)
        if style is None:
            widget = self._widget
            style = widget.get_component_rich_style(component) if component else widget.rich_style
            self._styles[component] = style
        return style

    def row(self, key: Hashable, pieces: Callable[[], Sequence[Piece]], *, is_cursor: bool) -> Strip:
        """The strip kept under `key`, which names everything the row depends on, or a new one from `pieces()`."""
        cache_key = (key, is_cursor)
        strip = self._strips.get(cache_key)
        if strip is None:
            strip = self.paint(pieces(), is_cursor=is_cursor)
            self._strips[cache_key] = strip
        return strip

    def background(self, *, is_cursor: bool) -> Style:
        """The style of the room after the text of a row."""
        return self.style(self._cursor_component) if is_cursor else self.style()

    def paint(self, pieces: Sequence[Piece], *, is_cursor: bool = False) -> Strip:
        """A strip of the pieces; whatever a caller gives is made inert here once more."""
        cursor = Style(bgcolor=self.style(self._cursor_component).bgcolor) if is_cursor else None
        segments = []
        for text, component in pieces:
            style = self.style(component)
            segments.append(Segment(display_text(text, limit=LINE_LIMIT), style if cursor is None else style + cursor))
        return Strip(segments)

    def marked(self, strip: Strip, span: tuple[int, int]) -> Strip:
        """The strip with the characters of `span` in the colours of a selection; an end of -1 is the line's end."""
        # A selection may reach beyond the text: its row had more of it, or the mouse was right of it.
        text = strip.text
        start = cell_len(text[: span[0]])
        end = strip.cell_length if span[1] == -1 else cell_len(text[: span[1]])
        if end <= start:
            return strip
        colours = self._widget.screen.get_component_rich_style("screen--selection")
        before, inside, after = strip.crop(0, start), strip.crop(start, end), strip.crop(end)
        chosen = [Segment(text, style + colours if style else colours) for text, style, _ in inside]
        return Strip.join([before, Strip(chosen), after])
