"""The trace: capability calls with their host calls beneath, live."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message

from workbench.trace.wording import count_text
from workbench.tui.panes.rows_pane import RowsPane
from workbench.tui.widgets.line_view import LineView
from workbench.tui.widgets.trace_lines import TraceLines

if TYPE_CHECKING:
    from workbench.trace.records import CallRecord, HostCallRow
    from workbench.trace.store import TraceStore
    from workbench.trace.view import TraceView


class TracePane(RowsPane):
    """Shows the calls of a `TraceStore`; emits `RowHighlighted` and `RowPicked` with the call or host call."""

    FILTER_HINT = "words in plugin, method or outcome"

    HELP = """\
Every capability call with the host calls it made, oldest first. The newest row is followed until you move up; `End` \
or `f` follows again. `Enter` shows request, answer, timings and guest output of the row. `/` filters by words in \
plugin, method and outcome (`lyre error`), `y` copies the row, `Y` copies it as JSON, `ctrl+l` forgets all rows.
"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("Y", "copy_json", "Copy JSON", id="trace.copy-json", show=False, tooltip="Copy the row as JSON"),
    ]

    @dataclass
    class RowHighlighted(Message):
        """The cursor is on another row; None when there is none."""

        pane: TracePane
        subject: CallRecord | HostCallRow | None

        @property
        def control(self) -> TracePane:
            return self.pane

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, TracePane.RowHighlighted) and message.pane is self.pane

    @dataclass
    class RowPicked(Message):
        """Everything about this row is wanted."""

        pane: TracePane
        subject: CallRecord | HostCallRow

        @property
        def control(self) -> TracePane:
            return self.pane

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(id=id)
        self._view: TraceView | None = None

    def make_lines(self) -> LineView:
        return TraceLines(placeholder="No calls yet. Send a request, and it is traced here.", id="trace-lines")

    def show_store(self, store: TraceStore) -> None:
        """Show the calls of `store` from now on."""
        # Imported here: it needs the engine, which the first paint does not wait for (0.3 s).
        from workbench.trace.view import TraceView

        self.close_view()
        self._view = TraceView(store)
        assert isinstance(self.lines, TraceLines)
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
        kept = store.end_call - store.first_call
        parts = [count_text(kept, "call")]
        if self._view.is_filtered:
            parts = [f"{count_text(len(self._view.index), 'row')} of {parts[0]} shown"]
        if store.first_call:
            parts.append(f"{count_text(store.first_call, 'older one', 'older ones')} forgotten")
        if store.dropped_events:
            parts.append(f"{count_text(store.dropped_events, 'event')} lost")
        parts.append("following" if self.lines.is_following else "not following (End)")
        return " · ".join(parts)

    def set_filter(self, text: str) -> None:
        if self._view is not None:
            self._view.set_filter(text)
        hint = "No call passes the filter." if text.strip() else "No calls yet."
        self.lines.show_placeholder(hint)

    def action_clear(self) -> None:
        """Forget all calls and log entries."""
        if self._view is not None:
            self._view.store.clear()
            self.advance()

    def action_copy_json(self) -> None:
        """Send the row under the cursor to the terminal's clipboard as JSON, long fields cut, secrets hidden."""
        from workbench.trace.exporters import brief_subject, subject_to_json

        key = self.lines.cursor_key
        subject = None if self._view is None or key is None else self._view.subject(key)
        if subject is not None:
            self.lines.copy_text(json.dumps(subject_to_json(brief_subject(subject)), indent=2, ensure_ascii=False))

    @on(LineView.RowHighlighted)
    def tell_highlighted(self, event: LineView.RowHighlighted) -> None:
        """Say which call the cursor is on."""
        event.stop()
        if self._view is not None:
            subject = None if event.key is None else self._view.subject(event.key)
            self.post_message(self.RowHighlighted(self, subject))

    @on(LineView.RowPicked)
    def tell_picked(self, event: LineView.RowPicked) -> None:
        """Say which call was picked."""
        event.stop()
        subject = None if self._view is None else self._view.subject(event.key)
        if subject is not None:
            self.post_message(self.RowPicked(self, subject))
