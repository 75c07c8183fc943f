"""What the command palette offers on the main screen: every action, every plugin, every method."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from textual.screen import Screen

from workbench.tui.commands import PaletteEntry, binding_entries
from workbench.tui.panes.call_pane import CallPane
from workbench.tui.panes.log_pane import LogPane
from workbench.tui.panes.plugins_pane import PluginsPane
from workbench.tui.panes.trace_pane import TracePane
from workbench.tui.widgets.request_editor import RequestEditor


def main_entries(screen: Screen[Any]) -> Iterator[PaletteEntry]:
    """The entries that can be chosen now, those of the screen itself first."""
    plugins, call = screen.query_one(PluginsPane), screen.query_one(CallPane)
    yield from binding_entries(screen, "Workbench")
    yield from binding_entries(plugins, "Plugin")
    yield from binding_entries(call, "Call")
    yield from binding_entries(screen.query_one(RequestEditor), "Request")
    for title, pane in (("Trace", screen.query_one(TracePane)), ("Log", screen.query_one(LogPane))):
        yield from binding_entries(pane, title)
        yield from binding_entries(pane.lines, title)
    for status in plugins.statuses:
        name = str(status.info.id)
        yield PaletteEntry(title=f"Go to {name}", help="Pick this plugin", run=partial(plugins.pick, name))
    for method in call.methods:
        yield PaletteEntry(title=f"Call {method}", help="Choose this method", run=partial(call.show_method, method))
