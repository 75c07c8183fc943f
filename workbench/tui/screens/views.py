"""Which view of the main screen has the room, and the focus: the keys F2 to F6.

A view is shown by classes on the screen, which the style sheet turns into room: with too little of it one view is
shown at a time. The plugin list stands beside them all, but not where it leaves trace and log too narrow to be read.
"""

from __future__ import annotations

from typing import Any, Final

from textual.screen import Screen

from workbench.tui.panes.call_pane import CallPane
from workbench.tui.panes.plugins_pane import PluginsPane
from workbench.tui.panes.rows_pane import RowsPane
from workbench.tui.widgets.view_bar import View, ViewBar

PLUGINS, CALL, TRACE, LOG = "plugins", "call", "trace", "log"
VIEWS: Final = (
    View(name=PLUGINS, key="F2", title="Plugins"),
    View(name=CALL, key="F3", title="Call"),
    View(name=TRACE, key="F4", title="Trace"),
    View(name=LOG, key="F6", title="Log"),
)

_NO_LIST: Final = "-no-sidebar"
"""The list was put away; in a narrow window that counts for the call view alone."""
_LIST_BESIDE_ROWS: Final = "-sidebar-beside-rows"
"""The list was asked for in this view; in a narrow window trace and log do without it otherwise."""


class Views:
    """Shows the views of a screen, one at a time or together as its style sheet says. Belongs to the screen's loop."""

    def __init__(self, screen: Screen[Any]) -> None:
        """`screen` has panes with the names of the views as ids, and a `ViewBar`; its breakpoints give it `-narrow`."""
        self._screen = screen
        self._current = CALL
        self._lower = TRACE

    def show(self, name: str) -> None:
        """Show a view and put the focus where things are done in it; the list is put away again from within."""
        if name == PLUGINS:
            self._toggle_list()
            return
        self._go_to(name)
        if name == CALL:
            self._call.focus_editor()
        else:
            self._focus_calmly()

    def show_answer(self) -> None:
        """Show the call view with the focus on the answer, where letters edit nothing."""
        self._go_to(CALL)
        self._focus_calmly()

    def leave_list(self) -> None:
        """From the list to the request; in a narrow window the list makes room."""
        if self._is_narrow:
            self._screen.add_class(_NO_LIST)
        self.show(CALL)

    def keep_focus_in_sight(self) -> None:
        """The window has another size: the list stays if the focus is in it."""
        if self._list.has_pseudo_class("focus-within"):
            self._screen.add_class(_LIST_BESIDE_ROWS)

    def mark(self) -> None:
        """Bring classes and bar in line with what is current."""
        for name in (CALL, TRACE, LOG):
            self._screen.set_class(self._current == name, f"-view-{name}")
            self._screen.set_class(self._lower == name, f"-lower-{name}")
        self._screen.query_one(ViewBar).show_current(frozenset({self._current}))

    def _go_to(self, name: str) -> None:
        self._current = name
        if name in (TRACE, LOG):
            self._lower = name
        self._screen.remove_class(_LIST_BESIDE_ROWS)
        self.mark()

    def _toggle_list(self) -> None:
        is_beside_rows = self._is_narrow and self._current != CALL
        if not self._list.has_pseudo_class("focus-within"):
            self._screen.add_class(_LIST_BESIDE_ROWS)
            if not is_beside_rows:
                self._screen.remove_class(_NO_LIST)
            self._list.focus_list()
            return
        self._screen.remove_class(_LIST_BESIDE_ROWS)
        if not is_beside_rows:
            self._screen.add_class(_NO_LIST)
        self._focus_calmly()

    def _focus_calmly(self) -> None:
        """Put the focus where letters are keys: what is typed next must not end up in a field that nobody went to."""
        if self._current == CALL:
            self._call.focus_answer()
        else:
            self._screen.query_one(f"#{self._current}", RowsPane).lines.focus()

    @property
    def _is_narrow(self) -> bool:
        return self._screen.has_class("-narrow")

    @property
    def _list(self) -> PluginsPane:
        return self._screen.query_one(PluginsPane)

    @property
    def _call(self) -> CallPane:
        return self._screen.query_one(CallPane)
