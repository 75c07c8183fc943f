"""The log: what guests write and what the engine does, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message

from workbench.trace.wording import count_text
from workbench.tui.panes.rows_pane import RowsPane
from workbench.tui.widgets.line_view import LineView
from workbench.tui.widgets.log_lines import LogLines

if TYPE_CHECKING:
    from engine.events import Event
    from workbench.trace.store import TraceStore
    from workbench.trace.view import LogView


class LogPane(RowsPane):
    """Shows the log of a `TraceStore`; emits `EntryPicked` with the event behind an entry."""

    FILTER_HINT = "words in plugin, level or text"

    HELP = """\
Guest output (marked `│`) and what the engine does, oldest first. The newest entry is followed until you move up; \
`End` or `f` follows again. `Enter` shows an entry in full, `/` filters by words, `w` shows warnings and errors only, \
`left` and `right` move along long lines, `y` copies the entry, `ctrl+l` forgets all of them.
"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "toggle_warnings", "Warnings", id="log.warnings", tooltip="Show only warnings and errors, or all"),
    ]

    @dataclass
    class EntryPicked(Message):
        """This entry is wanted in full."""

        pane: LogPane
        event: Event

        @property
        def control(self) -> LogPane:
            return self.pane

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(id=id)
        self._view: LogView | None = None

    def make_lines(self) -> LineView:
        return LogLines(placeholder="Nothing was logged yet.", id="log-lines")

    def show_store(self, store: TraceStore) -> None:
        """Show the log of `store` from now on."""
        # Imported here: it needs the engine, which the first paint does not wait for (0.3 s).
        from workbench.trace.view import LogView

        self.close_view()
        self._view = LogView(store)
        assert isinstance(self.lines, LogLines)
        self.lines.show_view(self._view)
        self.advance()

    def close_view(self) -> None:
        """Stop following the store."""
        if self._view is not None:
            self._view.close()
            self._view = None

    def on_unmount(self) -> None:
        self.close_view()

    def summary(self) -> str:
        if self._view is None:
            return ""
        store = self._view.store
        kept = count_text(len(store.log), "entry", "entries")
        parts = [kept]
        if self._view.is_filtered:
            parts = [f"{count_text(len(self._view.index), 'of', 'of')} {kept} shown"]
        if store.log.first:
            parts.append(f"{count_text(store.log.first, 'older one', 'older ones')} forgotten")
        if store.dropped_events:
            parts.append(f"{count_text(store.dropped_events, 'event')} lost")
        parts.append("following" if self.lines.is_following else "not following (End)")
        return " · ".join(parts)

    def set_filter(self, text: str) -> None:
        if self._view is not None:
            self._view.set_filter(text)
            self._renew_placeholder()

    def _renew_placeholder(self) -> None:
        is_filtered = self._view is not None and self._view.is_filtered
        self.lines.show_placeholder("No entry passes the filter." if is_filtered else "Nothing was logged yet.")

    def action_clear(self) -> None:
        """Forget all calls and log entries."""
        if self._view is not None:
            self._view.store.clear()
            self.advance()

    def action_toggle_warnings(self) -> None:
        """Show only warnings and errors, or everything again."""
        from workbench.trace.describe import Level

        if self._view is not None:
            self._view.set_lowest(Level.WARNING if self._view.lowest is Level.INFO else Level.INFO)
            self._renew_placeholder()
            self.lines.forget_drawn()
            self.advance()

    @on(LineView.RowPicked)
    def tell_picked(self, event: LineView.RowPicked) -> None:
        """Say which entry was picked."""
        event.stop()
        subject = None if self._view is None else self._view.subject(event.key)
        if subject is not None:
            self.post_message(self.EntryPicked(self, subject))

    @on(LineView.RowHighlighted)
    def keep_to_itself(self, event: LineView.RowHighlighted) -> None:
        """Entries are read where they stand."""
        event.stop()
