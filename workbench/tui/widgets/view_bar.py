"""The top line: the views to choose from, and a summary at its right end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from workbench.inert import display_text


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One entry of the bar: its name, the key that shows it, and what stands there."""

    name: str
    key: str
    title: str


class ViewBar(Widget):
    """Shows `views` with the current ones marked; emits `ViewPicked` on a click."""

    ALLOW_SELECT = False

    @dataclass
    class ViewPicked(Message):
        """A view was clicked."""

        bar: ViewBar
        name: str

        @property
        def control(self) -> ViewBar:
            return self.bar

    def __init__(self, views: Sequence[View], *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(id=id)
        self._views = tuple(views)
        self._current: frozenset[str] = frozenset()
        self._summary = Content()

    def show_current(self, names: frozenset[str]) -> None:
        """Mark these views as the ones on the screen."""
        if names != self._current:
            self._current = names
            self.refresh()

    def show_summary(self, summary: Content) -> None:
        """Show an inert text at the right end, as far as there is room."""
        if summary != self._summary:
            self._summary = summary
            self.refresh()

    def render(self) -> Content:
        """The whole line."""
        left = Content.assemble(*(part for view in self._views for part in self._tab(view)))
        room = self.size.width - left.cell_length - 1
        summary = self._summary.truncate(room, ellipsis=True) if room > 0 else Content()
        return Content.assemble(left, " " * max(0, room - summary.cell_length), summary)

    def _tab(self, view: View) -> tuple[tuple[str, str], ...]:
        is_current = view.name in self._current
        key = (f" {display_text(view.key)} ", "$text-accent bold" if is_current else "$foreground-muted")
        title = (f"{display_text(view.title)} ", "bold" if is_current else "$foreground-muted")
        return (key, title)

    def on_click(self, event: events.Click) -> None:
        """Say which view the click was on."""
        column = 0
        for view in self._views:
            column += len(view.key) + len(view.title) + 3
            if event.x < column:
                self.post_message(self.ViewPicked(self, view.name))
                return
