"""What the trace pane and the log pane have in common: rows, a filter below them, and a line that counts."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from workbench.tui.widgets.filter_bar import FilterBar
from workbench.tui.widgets.line_view import LineView


class RowsPane(Vertical):
    """Base of the panes that show a store. The store is drained by somebody else, who then calls `advance`."""

    FILTER_HINT: ClassVar[str] = ""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("/,ctrl+f", "filter", "Filter", id="rows.filter", tooltip="Show only rows with these words"),
        Binding("ctrl+l", "clear", "Clear", id="rows.clear", show=False, tooltip="Forget all calls and log entries"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(id=id)
        self.lines = self.make_lines()
        """The rows, to put the focus on."""
        self._summary = ""
        self._summary_line = Static("", markup=False, classes="rows-pane--summary")

    def compose(self) -> ComposeResult:
        yield self.lines
        yield FilterBar(self.FILTER_HINT)
        yield self._summary_line

    # What a pane says about its rows.

    def make_lines(self) -> LineView:
        """The view of the rows, in the state it starts in."""
        raise NotImplementedError

    def summary(self) -> str:
        """The line below the rows."""
        raise NotImplementedError

    def set_filter(self, text: str) -> None:
        """Show only rows that have all words of `text`."""
        raise NotImplementedError

    def action_clear(self) -> None:
        """Forget the rows."""
        raise NotImplementedError

    # For whoever owns the pane.

    def advance(self) -> None:
        """Show what the store has taken in since; call it after each drain, on the screen's thread."""
        self.lines.sync()
        summary = self.summary()
        if summary != self._summary and self._summary_line.is_attached:
            self._summary = summary
            self._summary_line.update(Content(summary), layout=False)

    @on(FilterBar.FilterChanged)
    def apply_filter(self, event: FilterBar.FilterChanged) -> None:
        """Filter the rows; the cursor stays in view."""
        event.stop()
        self.set_filter(event.text)
        self.lines.forget_drawn()
        if not self.lines.is_following and self.lines.cursor_key is not None:
            self.lines.move_cursor(self.lines.cursor_key)
        self.advance()

    @on(FilterBar.FilterLeft)
    def focus_rows(self, event: FilterBar.FilterLeft) -> None:
        """Give the focus back to the rows."""
        event.stop()
        self.lines.focus()

    @on(LineView.FollowChanged)
    def renew_summary(self, event: LineView.FollowChanged) -> None:
        """Say whether the newest row is followed."""
        event.stop()
        self.advance()

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open()
