"""The command palette: every action of every pane with its key, and every plugin to go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

from textual.actions import parse
from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode

from workbench.inert import display_text

_KEY_NAMES = {"question_mark": "?", "slash": "/", "escape": "esc", "pageup": "page up", "pagedown": "page down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaletteEntry:
    """One thing to do from the palette."""

    title: str
    """May hold foreign text."""
    help: str
    """Our own words only: the palette parses them as markup."""
    run: Callable[[], Any]


@runtime_checkable
class HasPaletteEntries(Protocol):
    """A screen with things to do."""

    def palette_entries(self) -> Iterable[PaletteEntry]:
        """What can be done now, in a sensible order."""
        ...


def own_bindings(node: DOMNode) -> Iterator[Binding]:
    """The bindings that our own classes declare for a node, most special first; each has id and tooltip."""
    for kind in type(node).__mro__:
        if kind.__module__.startswith("workbench."):
            yield from (declared for declared in kind.__dict__.get("BINDINGS", ()) if isinstance(declared, Binding))


def key_name(key: str) -> str:
    """The keys of a binding as people call them: `f5 or ctrl+r`."""
    return " or ".join(_KEY_NAMES.get(part, part) for part in key.split(","))


def binding_entries(node: DOMNode, area: str) -> Iterator[PaletteEntry]:
    """The actions of our own that a pane or screen can do now."""
    for binding in own_bindings(node):
        _, action, parameters = parse(binding.action)
        if binding.tooltip and (binding.action.startswith("app.") or node.check_action(action, parameters)):
            yield PaletteEntry(
                title=f"{area}: {binding.description}",
                help=f"{binding.tooltip} ({key_name(binding.key)})",
                run=partial(node.app.run_action, binding.action, node),
            )


class WorkbenchCommands(Provider):
    """Offers what the screen below the palette can do."""

    async def discover(self) -> Hits:
        """Everything, while nothing is typed."""
        for entry in self._entries():
            title = display_text(entry.title)
            yield DiscoveryHit(Content(title), entry.run, text=title, help=entry.help)

    async def search(self, query: str) -> Hits:
        """What fits the words that are typed."""
        matcher = self.matcher(query)
        for entry in self._entries():
            title = display_text(entry.title)
            score = matcher.match(title)
            if score > 0:
                # The matcher's own `highlight` would parse the title as markup.
                shown = Content(title)
                for offset in matcher.fuzzy_search.match(query, title)[1]:
                    shown = shown.stylize(matcher.match_style, offset, offset + 1)
                yield Hit(score, shown, entry.run, text=title, help=entry.help)

    def _entries(self) -> Iterable[PaletteEntry]:
        return self.screen.palette_entries() if isinstance(self.screen, HasPaletteEntries) else ()
