"""The first paint: the empty workbench while the engine is being imported, and why it could not be opened."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from workbench.inert import display_text
from workbench.tui.widgets.view_bar import ViewBar


class StartScreen(Screen[None]):
    """Shows that something is coming; imports nothing of the engine."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.quit", "Quit", id="start.quit", tooltip="Leave")]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        yield ViewBar((), id="views")
        yield Static(Content(f"{display_text(self._title)}\n\nStarting the engine…"), id="start-text")
        yield Footer(show_command_palette=False)

    def show_failure(self, summary: str, hint: str | None) -> None:
        """Say why there is no engine; the screen stays so that it can be read."""
        parts: list[str | tuple[str, str]] = [
            ("The workbench could not start.\n\n", "bold $text-error"),
            display_text(summary, limit=4_000, keep_newlines=True),
        ]
        if hint:
            parts.append(f"\n\n{display_text(hint, limit=4_000, keep_newlines=True)}")
        parts.append(("\n\nPress q to leave.", "$foreground-muted"))
        self.query_one("#start-text", Static).update(Content.assemble(*parts))
