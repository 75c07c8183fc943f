"""The line below a list in which its filter is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Label

_PAUSE_S: Final = 0.15
"""A filter runs over every row, so it waits for a pause in typing."""


class FilterBar(Horizontal):
    """One line with an input, hidden until it is opened; emits `FilterChanged` and `FilterLeft`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "drop", "Clear", id="filter.clear", tooltip="Drop the filter and show every row"),
    ]

    @dataclass
    class FilterChanged(Message):
        """The text is another one; empty means every row."""

        bar: FilterBar
        text: str

        @property
        def control(self) -> FilterBar:
            return self.bar

    @dataclass
    class FilterLeft(Message):
        """Enter or escape was pressed: the focus belongs to the list again."""

        bar: FilterBar

        @property
        def control(self) -> FilterBar:
            return self.bar

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self._placeholder = placeholder
        self._timer: Timer | None = None
        self._said = ""

    def compose(self) -> ComposeResult:
        yield Label("/", markup=False, classes="filter-bar--mark")
        yield Input(placeholder=self._placeholder, compact=True)

    def on_mount(self) -> None:
        self.display = False

    def open(self) -> None:
        """Show the line and type into it."""
        self.display = True
        self.query_one(Input).focus()

    @on(Input.Changed)
    def wait_for_pause(self, event: Input.Changed) -> None:
        """Say the new text once typing pauses."""
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE_S, self._say)

    @on(Input.Submitted)
    def leave(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the list; an empty line is hidden."""
        event.stop()
        self._say()
        self.display = bool(event.value)
        self.post_message(self.FilterLeft(self))

    def action_drop(self) -> None:
        """Empty the line, hide it and go back to the list."""
        self.query_one(Input).value = ""
        self._say()
        self.display = False
        self.post_message(self.FilterLeft(self))

    def _say(self) -> None:
        text = self.query_one(Input).value
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if text != self._said:
            self._said = text
            self.post_message(self.FilterChanged(self, text))
