"""A small application around one widget, and the picture that is on a screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, ClassVar, TypeVar

from textual.app import App, ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from workbench.tui.app import STYLES

MessageT = TypeVar("MessageT", bound=Message)


class WidgetApp(App[None]):
    """Shows one widget in the workbench's own style, and keeps the messages that `note` is given."""

    CSS_PATH: ClassVar[list[str | PurePath]] = [*STYLES]

    def __init__(self, make_widget: Callable[[], Widget]) -> None:
        super().__init__()
        self._make_widget = make_widget
        self._seen: list[Message] = []
        self._news = asyncio.Event()
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        yield self._make_widget()

    def note(self, message: Message) -> None:
        """For `run_test(message_hook=...)`."""
        self._seen.append(message)
        self._news.set()

    def sent(self, kind: type[MessageT]) -> list[MessageT]:
        """The messages of one type that arrived anywhere, each once, in order."""
        found: list[MessageT] = []
        for message in self._seen:
            if isinstance(message, kind) and not any(message is other for other in found):
                found.append(message)
        return found

    async def until_sent(self, kind: type[Message], *, limit_s: float = 10.0) -> None:
        """Wait until a message of this type has arrived; `TimeoutError` when none does in time."""
        async with asyncio.timeout(limit_s):
            while not self.sent(kind):
                self._news.clear()
                await self._news.wait()


def picture(screen: Screen[Any]) -> str:
    """The text on the screen, line by line, without trailing blanks."""
    # The compositor is private; this is the one place that reads it.
    strips = screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)
