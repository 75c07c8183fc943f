"""The rows of the log: time, plugin, level, text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from workbench.trace.wording import clock_text
from workbench.tui.columns import fit
from workbench.tui.widgets.line_view import LineView
from workbench.tui.widgets.row_strips import Piece

if TYPE_CHECKING:
    from workbench.trace.view import LogCells, LogView

_PLUGIN_CELLS: Final = 14
_NARROW: Final = 100

_WORDS: Final = {"debug": "debug", "info": "info", "warning": "warn", "error": "error"}
_STYLES: Final = {
    "debug": "log--debug",
    "info": "log--info",
    "warning": "log--warning",
    "error": "log--error",
}


class LogLines(LineView):
    """Shows a `LogView`. See `LineView` for what it emits."""

    SCROLLS_SIDEWAYS = True

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--time",
        "log--plugin",
        "log--guest",
        "log--debug",
        "log--info",
        "log--warning",
        "log--error",
    }

    DEFAULT_CSS = """
    LogLines { overflow-x: auto; }
    """

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(placeholder=placeholder, id=id)
        self._view: LogView | None = None

    def show_view(self, view: LogView) -> None:
        """Show the entries of `view` from now on."""
        self._view = view
        self.show_index(view.index)

    def pieces(self, key: int, width: int) -> Sequence[Piece]:
        cells = None if self._view is None else self._view.cells(key)
        if cells is None:
            return ()
        clock = clock_text(cells.time_ns)
        style = "log--guest" if cells.is_guest else _STYLES[cells.level]
        return (
            ((clock[:8] if width < _NARROW else clock) + " ", "log--time"),
            (fit(cells.plugin, _PLUGIN_CELLS) + " ", "log--plugin"),
            (f"{_word(cells):<5} ", style),
            (cells.text, style),
        )

    def row_text(self, key: int) -> str:
        """The entry in full."""
        cells = None if self._view is None else self._view.cells(key)
        if cells is None or self._view is None:
            return ""
        return f"{clock_text(cells.time_ns)} {cells.plugin} {_word(cells)} {self._view.full_text(key)}"


def _word(cells: LogCells) -> str:
    """What the guest itself says has no level of ours."""
    return "│" if cells.is_guest else _WORDS[cells.level]
