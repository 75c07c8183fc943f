"""Everything about one call, host call or log entry, over the whole screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from workbench.trace.detail import Subject
from workbench.tui.widgets.detail_view import DetailView


class DetailScreen(Screen[None]):
    """Shows one subject of the trace; Escape goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Back", id="detail.close", tooltip="Back to where you were")
    ]

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self._subject = subject

    def compose(self) -> ComposeResult:
        yield DetailView(id="detail")
        yield Footer()

    def on_mount(self) -> None:
        view = self.query_one(DetailView)
        view.show_subject(self._subject)
        view.focus()
        # A call that is looked at may still run; the screen below keeps draining the store.
        self.set_interval(0.1, view.advance)

    def action_close(self) -> None:
        """Back to the screen below."""
        self.dismiss()
