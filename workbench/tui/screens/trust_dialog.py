"""The question before a command from a plugin's folder is run: what exactly would run, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from workbench.inert import display_text, exact_command, exact_env


class TrustDialog(ModalScreen[bool]):
    """Shows folder, command and environment word for word; answers true when the user agrees to run it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Run it", id="trust.agree", tooltip="Run this command, now and after each change"),
        Binding("n,escape", "answer(False)", "Not now", id="trust.decline", tooltip="Run nothing"),
        Binding("up", "scroll_text('up')", "Up", id="trust.up", show=False, tooltip="Read further up"),
        Binding("down", "scroll_text('down')", "Down", id="trust.down", show=False, tooltip="Read further down"),
        Binding("home", "scroll_text('home')", "Begin", id="trust.home", show=False, tooltip="To the beginning"),
        Binding("end", "scroll_text('end')", "End", id="trust.end", show=False, tooltip="To the end"),
    ]

    def __init__(
        self, *, plugin: str, folder: Path, command: Sequence[str], env: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self._plugin = plugin
        self._folder = folder
        self._command = tuple(command)
        self._env = dict(env or {})
        self._is_read = False

    def compose(self) -> ComposeResult:
        dialog = Vertical(classes="dialog -question")
        dialog.border_title = Content(display_text(f"Build {self._plugin}?"))
        with dialog:
            with VerticalScroll(classes="dialog--body", can_focus=False):
                yield Static(self.question())
            with Horizontal(classes="dialog--buttons"):
                yield Button(Content("Not now"), id="decline", compact=True)
                yield Button(Content("Run this command"), id="agree", compact=True, variant="warning")

    def question(self) -> Content:
        """What the dialog asks, as text."""
        lines: list[str | tuple[str, str]] = [
            "The plugin's folder names a command that builds it. The command runs outside the sandbox, with your "
            "rights, now and whenever a source file changes.\n\n",
            ("Command  ", "$foreground-muted"),
            (f"{exact_command(self._command)}\n", "bold $text-warning"),
        ]
        for variable in exact_env(self._env):
            lines += [("With     ", "$foreground-muted"), f"{variable}\n"]
        lines += [("In       ", "$foreground-muted"), f"{display_text(str(self._folder), limit=None)}\n\n"]
        lines.append("Your answer is remembered for this very command in this very folder.")
        return Content.assemble(*lines)

    def on_mount(self) -> None:
        self.query_one("#decline", Button).focus()
        self.watch(self._body, "scroll_y", self._note_reading, init=False)

    @on(Button.Pressed)
    def take_answer(self, event: Button.Pressed) -> None:
        """A button was pressed."""
        event.stop()
        self.action_answer(event.button.id == "agree")

    def action_scroll_text(self, where: Literal["up", "down", "home", "end"]) -> None:
        """A command may be longer than the dialog."""
        body = self._body
        match where:
            case "up":
                body.scroll_up(animate=False)
            case "down":
                body.scroll_down(animate=False)
            case "home":
                body.scroll_home(animate=False)
            case "end":
                body.scroll_end(animate=False)

    def action_answer(self, is_agreed: bool) -> None:
        """Close with this answer; a yes to what was not seen to its end shows the next page instead."""
        self._note_reading()
        if is_agreed and not self._is_read:
            self._body.scroll_page_down(animate=False)
            self.notify("There is more to read before you agree.", markup=False, timeout=3)
            return
        self.dismiss(is_agreed)

    @property
    def _body(self) -> VerticalScroll:
        return self.query_one(".dialog--body", VerticalScroll)

    def _note_reading(self) -> None:
        body = self._body
        # Before the first layout there is nothing to scroll, and nothing was seen.
        if body.size.height and body.scroll_y >= body.max_scroll_y:
            self._is_read = True
