"""The form of a request: as many lines as the message has rows, kept and reused.

Editors are pooled (an `Input` taken off a living screen is never freed) and their number is bounded: what does not fit
is edited as JSON, and the form says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from workbench.tui.drafts import FieldRow
from workbench.tui.widgets.form_line import FormLine

MAX_LINES = 80
"""Lines of one form; with more mounted, each key press costs a noticeable time (about 0.1 ms a field)."""


class MessageForm(VerticalScroll, can_focus=False):
    """Shows the rows of a draft; emits `FormLine.Edited`, `ItemAdded`, `ItemRemoved`, and `Submitted` on Enter."""

    HELP = """\
A form made from the request's protobuf message. Nested messages are unfolded; lists and maps have an "+ add" button.
Bytes are typed as text, or as base64 after "base64:". Map entries are written key=value.
Enter sends. Up and down move between fields. The JSON tab shows the same request as text.
"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "previous_field", "Previous field", show=False, id="form.previous", tooltip="The field above"),
        Binding("down", "next_field", "Next field", show=False, id="form.next", tooltip="The field below"),
    ]

    @dataclass
    class Submitted(Message):
        """Enter was pressed in a field."""

        form: MessageForm

        @property
        def control(self) -> MessageForm:
            return self.form

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(id=id)
        self._lines: list[FormLine] = []
        self._rows: Sequence[FieldRow] = ()
        self._note = Static(classes="form--note")

    def compose(self) -> ComposeResult:
        yield self._note

    async def show_rows(self, rows: Sequence[FieldRow]) -> None:
        """Show these rows; the cursor stays in its field where the field stays."""
        self._rows = rows
        await self._provide(min(len(rows), MAX_LINES))
        # While lines were being mounted, a later call may have asked for other rows: the last one counts.
        for index, line in enumerate(self._lines):
            line.show_row(self._rows[index] if index < len(self._rows) else None)
        self._show_note(len(self._rows))

    def show_errors(self, rows: Sequence[FieldRow]) -> None:
        """Renew the error marks alone; `rows` are those shown last, with their present errors."""
        for line, row in zip(self._lines, rows, strict=False):
            line.show_error(row.error)

    def freeze(self, is_frozen: bool) -> None:
        """Show the rows without letting them be edited; the form itself then takes the focus."""
        self.can_focus = is_frozen
        for line in self._lines:
            line.disabled = is_frozen

    def focus_first(self) -> bool:
        """Put the cursor into the first field, or the focus on the form; false when neither is possible."""
        if self.can_focus:
            self.focus()
            return True
        return any(line.focus_editor() for line in self._lines)

    def focus_path(self, path: str) -> bool:
        """Put the cursor into the field at `path`."""
        return any(line.focus_editor() for line in self._lines if line.row is not None and line.row.path == path)

    async def _provide(self, count: int) -> None:
        missing = [FormLine() for _ in range(count - len(self._lines))]
        if missing:
            self._lines.extend(missing)
            await self.mount_all(missing, before=self._note)

    def _show_note(self, count: int) -> None:
        text = ""
        if count == 0:
            text = "This request has no fields."
        elif count > MAX_LINES:
            text = f"{count - MAX_LINES} more rows: edit them in the JSON tab."
        self._note.update(Content(text))
        self._note.display = bool(text)

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        """Enter in any field."""
        event.stop()
        self.post_message(self.Submitted(self))

    def action_next_field(self) -> None:
        """Into the field below."""
        self._move(1)

    def action_previous_field(self) -> None:
        """Into the field above."""
        self._move(-1)

    def _move(self, step: int) -> None:
        focused = self.screen.focused
        if focused is None:
            return
        at = next((index for index, line in enumerate(self._lines) if focused in line.children), None)
        if at is None:
            return
        candidates = self._lines[at + 1 :] if step > 0 else self._lines[:at][::-1]
        any(line.focus_editor() for line in candidates)
