"""Many rows, of which only those on the screen are ever formatted: geometry, drawing, following.

Cursor and scroll position are kept as row keys, so they stay on their rows while others arrive, are filtered
away or evicted. What the user does with the rows is `LineView`'s business.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.inert import LINE_LIMIT, display_text
from workbench.trace.row_index import RowIndex
from workbench.tui.widgets.row_strips import Piece, RowStrips


class LineCanvas(ScrollView):
    """Draws the rows of `index`, one line each; emits `RowHighlighted` and `FollowChanged`.

    A subclass implements `pieces`. Whoever changes the index calls `sync` afterwards, ten times a second at most.
    """

    HAS_HEADER: ClassVar[bool] = False
    SCROLLS_SIDEWAYS: ClassVar[bool] = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-view--header", "line-view--cursor", "line-view--placeholder"}

    DEFAULT_CSS = """
    LineCanvas {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size: 0 1;
        & > .line-view--header { text-style: bold; color: $text-muted; }
        & > .line-view--cursor { background: $foreground 12%; }
        &:focus > .line-view--cursor { background: $primary 45%; }
        & > .line-view--placeholder { color: $text-muted; }
    }
    """

    @dataclass
    class RowHighlighted(Message):
        """The cursor is on another row; None when there is none. A newer one replaces it."""

        view: LineCanvas
        key: int | None

        @property
        def control(self) -> LineCanvas:
            return self.view

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, LineCanvas.RowHighlighted) and message.view is self.view

    @dataclass
    class FollowChanged(Message):
        """The view began or stopped to stay on the newest row."""

        view: LineCanvas
        is_following: bool

        @property
        def control(self) -> LineCanvas:
            return self.view

    def __init__(
        self,
        *,
        placeholder: str = "",
        follows: bool = True,
        id: str | None = None,  # noqa: A002  # Textual's own word
    ) -> None:
        """`placeholder` is shown while there are no rows; `follows` starts on the newest row and stays there."""
        super().__init__(id=id)
        self.index = RowIndex()
        self.cursor_key: int | None = None
        self._placeholder = placeholder
        self._follows = follows
        self._top_key: int | None = None
        self._widest = 0
        self._is_hidden = False
        self._drawn: tuple[Hashable, ...] = ()
        self._strips = RowStrips(self, "line-view--cursor")

    # What a subclass says about its rows.

    def pieces(self, key: int, width: int) -> Sequence[Piece]:
        """The row `key` for a view of `width` cells; empty when it is gone."""
        raise NotImplementedError

    def header(self, width: int) -> Sequence[Piece]:
        """The line above the rows, where `HAS_HEADER` is set."""
        return ()

    def revision(self, key: int) -> Hashable:
        """Changes whenever the row would be drawn differently."""
        return 0

    def row_text(self, key: int) -> str:
        """The row as text to copy; a subclass may say more than it draws."""
        return self._drawn_text(key).rstrip()

    # For whoever owns the view.

    @property
    def is_following(self) -> bool:
        """Whether the view stays on the newest row."""
        return self._follows

    @property
    def row_width(self) -> int:
        """Cells for a row."""
        return self.scrollable_content_region.width

    def show_index(self, index: RowIndex) -> None:
        """Show the rows of another index from now on."""
        self.index = index
        self.cursor_key = None
        self._top_key = None
        self._widest = 0
        self.forget_drawn()

    def show_placeholder(self, text: str) -> None:
        """Say something else while there are no rows."""
        if text != self._placeholder:
            self._placeholder = text
            self.refresh()

    def forget_drawn(self) -> None:
        """Draw everything anew: the rows mean something else now."""
        self._strips.clear()
        self._drawn = ()
        self.sync()

    def sync(self) -> None:
        """Take over changes of the index and of row revisions; cheap when there are none, nothing while hidden."""
        if not self.is_drawable:
            return
        # Setting the size may move the view, so the row that shall stay at the top is taken first.
        top_key = self._top_key
        self._keep_cursor()
        self._set_size()
        if self._follows:
            self._scroll_to_row(self._max_top())
        elif top_key is not None:
            self._scroll_to_row(self.index.position(top_key))
        self._note_top()
        drawn = self._visible_state()
        if drawn != self._drawn:
            self._drawn = drawn
            self.refresh()

    def follow(self, follows: bool) -> None:
        """Stay on the newest row, or stop where the view is."""
        if follows != self._follows:
            self._follows = follows
            self.post_message(self.FollowChanged(self, follows))
            self.sync()

    def move_cursor(self, key: int) -> None:
        """Put the cursor on `key`, or the next row that is there, and bring it into view."""
        nearest = self.index.nearest(key)
        if nearest is None:
            return
        self._set_cursor(nearest)
        row = self.index.position(nearest)
        top, rows = round(self.scroll_y), self._page_rows()
        if row < top or row >= top + rows:
            self._scroll_to_row(row if row < top else row - rows + 1)
        self._note_top()
        self.refresh()

    # Drawing.

    def render_line(self, y: int) -> Strip:
        width = self.row_width
        row = self.scroll_offset.y + y - self.HAS_HEADER
        if self.HAS_HEADER and y == 0:
            strip = self._strips.paint(self.header(width))
        elif row < len(self.index):
            return self._row_strip(row, width)
        elif y == self.HAS_HEADER and self._placeholder:
            strip = self._strips.paint([(self._placeholder, "line-view--placeholder")])
        else:
            return Strip.blank(width, self._strips.style())
        return strip.crop_extend(0, width, self._strips.style())

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def _row_strip(self, row: int, width: int) -> Strip:
        key = self.index[row]
        is_cursor = key == self.cursor_key
        strip = self._strips.row((key, self.revision(key), width), lambda: self.pieces(key, width), is_cursor=is_cursor)
        self._note_width(strip.cell_length)
        number = self.index.removed_before + row
        selection = self.text_selection
        span = None if selection is None else selection.get_span(number)
        if span is not None:
            strip = self._strips.marked(strip, span)
        start = self.scroll_offset.x
        strip = strip.crop_extend(start, start + width, self._strips.background(is_cursor=is_cursor))
        # Offsets count characters; left of the view there may be wide ones, but then a selection is a cell off at most.
        return strip.apply_offsets(start, number)

    def _drawn_text(self, key: int) -> str:
        return "".join(display_text(text, limit=LINE_LIMIT) for text, _ in self.pieces(key, self.row_width))

    def _visible_state(self) -> tuple[Hashable, ...]:
        """Everything that the picture of the rows depends on."""
        top = round(self.scroll_y)
        keys = [self.index[row] for row in range(top, min(top + self._page_rows(), len(self.index)))]
        return (self.cursor_key, top, *((key, self.revision(key)) for key in keys))

    # Geometry.

    @property
    def is_drawable(self) -> bool:
        """Whether anybody could see the rows."""
        return self.is_attached and not self._is_hidden and self.size.height > 0 and self.screen.is_current

    def _page_rows(self) -> int:
        return max(1, self.scrollable_content_region.height - self.HAS_HEADER)

    def _max_top(self) -> int:
        return max(0, len(self.index) - self._page_rows())

    def _set_size(self) -> None:
        size = Size(self._widest if self.SCROLLS_SIDEWAYS else 0, len(self.index) + self.HAS_HEADER)
        if size.width != self.virtual_size.width or not self.show_vertical_scrollbar:
            self.virtual_size = size
        elif size != self.virtual_size:
            # Assigned, the size would lay out the whole screen (4 ms); only the scroll bar has to know.
            self.set_reactive(LineCanvas.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.scroll_y = self.validate_scroll_y(self.scroll_y)

    def _scroll_to_row(self, row: int) -> None:
        row = min(row, self._max_top())
        if row != self.scroll_y:
            self.scroll_to(y=row, animate=False, immediate=True, force=True)

    def _note_top(self) -> None:
        top = round(self.scroll_y)
        self._top_key = self.index[top] if top < len(self.index) else None

    def _note_width(self, width: int) -> None:
        if self.SCROLLS_SIDEWAYS and width > self._widest:
            self._widest = width
            self.call_later(self._set_size)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._note_top()

    # Cursor.

    def _keep_cursor(self) -> None:
        if self._follows:
            self._set_cursor(self.index.last)
        elif self.cursor_key is not None:
            self._set_cursor(self.index.nearest(self.cursor_key))

    def _set_cursor(self, key: int | None) -> None:
        if key != self.cursor_key:
            self.cursor_key = key
            self.post_message(self.RowHighlighted(self, key))

    def on_resize(self, _event: events.Resize) -> None:
        """Stay on the newest row, or with the row at the top."""
        self._drawn = ()
        self.sync()

    def on_hide(self, _event: events.Hide) -> None:
        """Do nothing until shown again."""
        self._is_hidden = True

    def on_show(self, _event: events.Show) -> None:
        """Catch up with what has happened meanwhile."""
        self._is_hidden = False
        self._drawn = ()
        self.sync()
