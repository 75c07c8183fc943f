"""One line of a form: label, the editor its kind needs, what is wrong with it.

A line is shown again and again for other rows, because an `Input` that is removed from a living screen is never freed.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Checkbox, Input, Static

from workbench.inert import display_text
from workbench.tui.drafts import FieldKind, FieldRow

_INDENT = 2


class FormLine(Horizontal):
    """Shows one `FieldRow`; emits `Edited` while it is typed into, `ItemAdded` and `ItemRemoved` from its button."""

    @dataclass
    class Edited(Message):
        """The text of the row at `path` changed; a flag is `true` or empty."""

        line: FormLine
        path: str
        text: str

        @property
        def control(self) -> FormLine:
            return self.line

    @dataclass
    class ItemAdded(Message):
        """The list, map or message at `path` should get one more item, or be set."""

        line: FormLine
        path: str

        @property
        def control(self) -> FormLine:
            return self.line

    @dataclass
    class ItemRemoved(Message):
        """The item or message at `path` should go."""

        line: FormLine
        path: str

        @property
        def control(self) -> FormLine:
            return self.line

    def __init__(self) -> None:
        super().__init__()
        self._row: FieldRow | None = None
        self._label = Static(classes="form--label")
        self._editor = Input(compact=True, classes="form--editor")
        self._flag = Checkbox("", compact=True, classes="form--flag")
        self._note = Static(classes="form--note")
        self._button = Button(compact=True, classes="form--button")
        self._error = Static(classes="form--error")

    def compose(self) -> ComposeResult:
        yield self._label
        yield self._editor
        yield self._flag
        yield self._note
        yield self._button
        yield self._error

    @property
    def row(self) -> FieldRow | None:
        """What the line shows; None while it is not in use."""
        return self._row

    def show_row(self, row: FieldRow | None) -> None:
        """Show `row`, or nothing; the cursor stays where it is when the text did not change."""
        old, self._row = self._row, row
        self.display = row is not None
        if row is None:
            return
        if old is None or (old.path, old.kind, old.depth) != (row.path, row.kind, row.depth):
            self._lay_out(row)
        self._show_value(row)
        self.show_error(row.error)

    def show_error(self, error: str | None) -> None:
        """Mark the row as wrong, or as right again."""
        self.set_class(error is not None, "-invalid")
        self._error.display = error is not None
        self._error.update(Content(display_text(error or "")))

    def focus_editor(self) -> bool:
        """Put the cursor into the line's editor; false when it has none or cannot take it."""
        target = self._flag if self._row is not None and self._row.kind is FieldKind.FLAG else self._editor
        if not self.display or not target.display or target.disabled:
            return False
        target.focus()
        return True

    def _lay_out(self, row: FieldRow) -> None:
        self._label.update(Content(" " * (_INDENT * row.depth) + display_text(row.label)))
        self.set_class(not row.has_editor, "-heading")
        self._flag.display = row.kind is FieldKind.FLAG
        self._editor.display = row.has_editor and row.kind is not FieldKind.FLAG
        self._editor.placeholder = f"{row.type_name}, or base64:…" if row.kind is FieldKind.BYTES else row.type_name
        self._note.display = not row.has_editor
        self._button.display = row.is_item or not row.has_editor

    def _show_value(self, row: FieldRow) -> None:
        with self.prevent(Input.Changed, Checkbox.Changed):
            self._flag.value = row.is_set
            shown = display_text(row.text) if row.is_locked else row.text
            if self._editor.value != shown:
                self._editor.value = shown
        self._editor.disabled = row.is_locked
        self._editor.tooltip = (
            "Line breaks or invisible characters: edit this in the JSON tab" if row.is_locked else None
        )
        match row.kind:
            case FieldKind.LIST | FieldKind.MAP:
                is_list = row.kind is FieldKind.LIST
                self._note.update(
                    Content(f"{row.count} × {row.type_name}" if is_list else f"{row.count} in {row.type_name}")
                )
                self._button.label = Content("+ add")
            case FieldKind.MESSAGE:
                self._note.update(Content(row.type_name if row.is_set else f"{row.type_name}, not set"))
                self._button.label = Content("remove" if row.is_set else "+ set")
            case _:
                self._button.label = Content("remove")

    @on(Input.Changed)
    def report_text(self, event: Input.Changed) -> None:
        """Typing, never a value that was set from the draft."""
        event.stop()
        if self._row is not None and not self._row.is_locked:
            self.post_message(self.Edited(self, self._row.path, event.value))

    @on(Checkbox.Changed)
    def report_flag(self, event: Checkbox.Changed) -> None:
        """The box was ticked, or not any more."""
        event.stop()
        if self._row is not None:
            self.post_message(self.Edited(self, self._row.path, "true" if event.value else ""))

    @on(Button.Pressed)
    def report_button(self, event: Button.Pressed) -> None:
        """Add, set or remove, whatever the row's button stands for."""
        event.stop()
        if self._row is None:
            return
        adds = self._row.kind in {FieldKind.LIST, FieldKind.MAP} or (
            self._row.kind is FieldKind.MESSAGE and not self._row.is_set
        )
        message = self.ItemAdded if adds else self.ItemRemoved
        self.post_message(message(self, self._row.path))
