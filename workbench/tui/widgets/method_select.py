"""The choice of a method: a list that opens over the pane, declared methods first.

Choosing takes a moment (the form of the method is put together), and people go on typing meanwhile. So from the key
that chooses until the owner has followed it up, keys are held back, and come after it, where they belong.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import OptionList, Select

from engine.contracts.registry import Method

_MAX_HELD: Final = 100
"""Keys held back at most; nobody types more while one form is put together."""
_SEARCH_PAUSE_S: Final = 0.7
"""Letters that follow one another sooner are one word to look for."""


class MethodSelect(Select[str]):
    """Shows the methods to choose from, the value being the full name; emits `Taken` besides what `Select` emits."""

    @dataclass
    class Taken(Message):
        """A method was chosen by key, maybe the one that was chosen before; `Changed` came first if it is another.

        Whoever follows it up calls `release_keys` at the end.
        """

        select: MethodSelect

        @property
        def control(self) -> MethodSelect:
            return self.select

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        # Its own search takes letters that belong to the form behind the list.
        super().__init__([], prompt="Choose a method", compact=True, type_to_search=False, id=id)
        self._held: list[events.Key] | None = None
        """Keys that wait for the method that was chosen; None while there is nothing to wait for."""
        self._sought = ""
        self._sought_s = 0.0

    def show_methods(self, methods: Iterable[Method], *, declared: Collection[str], chosen: Method) -> None:
        """Offer `methods`, those of `declared` services first, with one of them chosen. Emits nothing."""
        by_rank = sorted(methods, key=lambda method: method.service not in declared)
        with self.prevent(Select.Changed):
            self.set_options((_line(method, method.service in declared), method.full_name) for method in by_rank)
            self.value = chosen.full_name

    def show_chosen(self, method: Method) -> None:
        """Mark a method as the one that is chosen. Emits nothing."""
        with self.prevent(Select.Changed):
            self.value = method.full_name

    def release_keys(self) -> None:
        """Let what was typed since the choice go to where the focus is now."""
        held, self._held = self._held or [], None
        # As a key press, Tab would pass every widget around the focus first, and the next letter overtake it.
        moves = {"tab": self.screen.focus_next, "shift+tab": self.screen.focus_previous}
        for key in held:
            if key.key in moves:
                self.app.call_later(moves[key.key])
            else:
                # As if it came from the terminal: what a widget sends is not passed on beyond that widget.
                self.app.post_message(events.Key(key.key, key.character).set_sender(self.app))

    def watch_expanded(self, is_expanded: bool) -> None:
        """The list was opened, or it was closed and its value stands."""
        if is_expanded:
            self._held = None
        elif self._held is not None:
            self.post_message(self.Taken(self))

    def on_key(self, event: events.Key) -> None:
        """Keys of the list pass here on their way to its bindings."""
        if self.expanded and event.key == "escape":
            return
        if self._held is not None:
            if len(self._held) < _MAX_HELD:
                self._held.append(event)
        elif self.expanded and event.character is not None and event.is_printable:
            self._seek(event.character)
        else:
            if self.expanded and event.key == "enter" and self._options_list.highlighted is not None:
                self._held = []
            return
        event.stop()
        event.prevent_default()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Letters look for a method while the list is open: no key of the panes behind it is offered."""
        return self.expanded and character is not None and character.isprintable()

    @property
    def _options_list(self) -> OptionList:
        return self.query_one(OptionList)

    def _seek(self, character: str) -> None:
        """Move to the method whose name has what was typed, the sooner in it the better."""
        now_s = time.monotonic()
        self._sought = character if now_s - self._sought_s > _SEARCH_PAUSE_S else self._sought + character
        self._sought_s = now_s
        options = self._options_list
        found = []
        for index in range(options.option_count):
            name = str(options.get_option_at_index(index).prompt).partition(" ")[0]
            at = name.lower().find(self._sought.lower())
            if at >= 0:
                found.append((at, index))
        if found:
            options.highlighted = min(found)[1]


def _line(method: Method, is_declared: bool) -> Text:
    text = Text(method.full_name)
    if not is_declared:
        text.append("  not declared", style="dim")
    return text
