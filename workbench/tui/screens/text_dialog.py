"""A page of text over the screen: help for the pane in focus, details of a plugin."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.inert import display_text


class TextDialog(ModalScreen[None]):
    """Shows one text to scroll in; closes on Escape, Enter, q or ?."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,enter,q,question_mark,f1", "close", "Close", id="dialog.close", tooltip="Back to where you were"
        ),
    ]

    def __init__(self, *, title: str, body: Content) -> None:
        """`body` must be inert already."""
        super().__init__()
        self._title = title
        self._body = body

    def compose(self) -> ComposeResult:
        page = VerticalScroll(Static(self._body), classes="dialog -page")
        page.border_title = Content(display_text(self._title))
        page.border_subtitle = Content("Esc closes")
        yield page

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        """Back to the screen below."""
        self.dismiss()
