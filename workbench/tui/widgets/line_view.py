"""The one list for many rows: a `LineCanvas` with keys, mouse, text selection and clipboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.message import Message
from textual.scrollbar import ScrollTo, ScrollUp
from textual.selection import Selection

from workbench.inert import display_text
from workbench.tui.widgets.line_canvas import LineCanvas

MAX_COPY_BYTES: Final = 64 << 10
"""What terminals take through their clipboard sequence."""
_MAX_COPY_ROWS: Final = 5_000


class LineView(LineCanvas, can_focus=True):
    """Rows with a cursor; emits `RowPicked` besides what `LineCanvas` emits."""

    ALLOW_SELECT = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="lines.up", show=False, tooltip="One row up; stops following"),
        Binding("down,j", "move(1)", "Down", id="lines.down", show=False, tooltip="One row down"),
        Binding("pageup", "move_page(-1)", "Page up", id="lines.page-up", show=False, tooltip="One page up"),
        Binding("pagedown", "move_page(1)", "Page down", id="lines.page-down", show=False, tooltip="One page down"),
        Binding("home,g", "first", "First", id="lines.first", show=False, tooltip="To the oldest row"),
        Binding("end,G", "last", "Newest", id="lines.last", show=False, tooltip="To the newest row, and follow"),
        Binding("f", "toggle_follow", "Follow", id="lines.follow", tooltip="Stay on the newest row, or stop there"),
        Binding("enter", "pick", "Open", id="lines.pick", tooltip="Show everything about this row"),
        Binding("y", "copy_row", "Copy", id="lines.copy", show=False, tooltip="Send this row to the clipboard"),
    ]

    @dataclass
    class RowPicked(Message):
        """Enter or a double click on a row."""

        view: LineView
        key: int

        @property
        def control(self) -> LineView:
            return self.view

    def _step(self, rows: int) -> None:
        """Move the cursor by so many rows; upwards ends following."""
        if not len(self.index):
            return
        if rows < 0:
            self.follow(False)
        here = len(self.index) - 1 if self.cursor_key is None else self.index.position(self.cursor_key)
        self.move_cursor(self.index[min(max(0, here + rows), len(self.index) - 1)])

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self._step(rows)

    def action_move_page(self, pages: int) -> None:
        """Move the cursor by so many pages."""
        self._step(pages * max(1, self._page_rows() - 1))

    def action_first(self) -> None:
        """To the oldest row."""
        self._step(-len(self.index))

    def action_last(self) -> None:
        """To the newest row, and follow from there."""
        self._step(len(self.index))
        self.follow(True)

    def action_toggle_follow(self) -> None:
        """Begin or stop to stay on the newest row."""
        self.follow(not self._follows)

    def action_pick(self) -> None:
        """Say that the row under the cursor was picked."""
        if self.cursor_key is not None:
            self.post_message(self.RowPicked(self, self.cursor_key))

    # Clipboard and mouse.

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, of the rows that are still there."""
        gone = self.index.removed_before
        first = 0 if selection.start is None else max(0, selection.start.y - gone)
        last = len(self.index) - 1 if selection.end is None else min(selection.end.y - gone, len(self.index) - 1)
        lines = []
        for row in range(first, min(last + 1, first + _MAX_COPY_ROWS)):
            span = selection.get_span(gone + row)
            if span is not None:
                text = self._drawn_text(self.index[row])
                lines.append(text[span[0] :] if span[1] == -1 else text[span[0] : span[1]])
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        if selection is not None:
            # Rows that run away under the mouse cannot be selected.
            self.follow(False)
        self.refresh()

    def action_copy_row(self) -> None:
        """Send the row under the cursor to the terminal's clipboard."""
        if self.cursor_key is not None:
            self.copy_text(self.row_text(self.cursor_key))

    def copy_text(self, text: str) -> None:
        """Send text to the terminal's clipboard, as much as terminals take."""
        data = display_text(text, limit=None, keep_newlines=True).encode()
        self.app.copy_to_clipboard(data[:MAX_COPY_BYTES].decode(errors="ignore"))
        is_cut = len(data) > MAX_COPY_BYTES
        said = "The first 64 KiB were sent to the terminal" if is_cut else "Sent to the terminal"
        self.notify(f"{said} for its clipboard.", markup=False, timeout=3)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row; a double click picks it."""
        offset: Offset | None = event.get_content_offset(self)
        if offset is None:
            return
        # A double click would select every row otherwise.
        event.prevent_default()
        row = self.scroll_offset.y + offset.y - self.HAS_HEADER
        if not 0 <= row < len(self.index) or (self.HAS_HEADER and offset.y == 0):
            return
        self.follow(False)
        self.move_cursor(self.index[row])
        if event.chain == 2:
            self.action_pick()

    def on_mouse_scroll_up(self, _event: events.MouseScrollUp) -> None:
        """Looking back ends following."""
        self.follow(False)

    def on_scroll_up(self, _event: ScrollUp) -> None:
        """A click above the scroll bar's grip ends following."""
        self.follow(False)

    def on_scroll_to(self, _event: ScrollTo) -> None:
        """Pulling the scroll bar ends following."""
        self.follow(False)
