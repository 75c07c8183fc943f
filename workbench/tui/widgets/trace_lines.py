"""The rows of the trace: time, plugin, method with its host calls beneath, duration, outcome."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from workbench.trace.wording import clock_text, duration_text
from workbench.tui.columns import fit
from workbench.tui.widgets.line_view import LineView
from workbench.tui.widgets.row_strips import Piece

if TYPE_CHECKING:
    from workbench.trace.view import TraceCells, TraceView

_REDRAWN_PER_S: Final = 10
"""How often the time of a running call is drawn anew."""

_METHOD: Final = 34
"""Cells for the method before a narrow view gives the plugin more: the name of nearly every method."""
_LEAST_SERVICE: Final = 8
"""With fewer cells for it, the service of a method is left out."""

_OUTCOME_STYLES: Final = {
    "ok": "trace--ok",
    "running": "trace--running",
    "not_found": "trace--quiet",
    "not_implemented": "trace--quiet",
    "cancelled": "trace--quiet",
    "unknown": "trace--quiet",
    "busy": "trace--warning",
    "refused": "trace--warning",
    "": "trace--quiet",
}
"""Every other outcome is a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Widths:
    """Cells of each column; a column of 0 cells is left out with its gap."""

    time: int
    plugin: int
    method: int
    duration: int
    status: int


class TraceLines(LineView):
    """Shows a `TraceView`. See `LineView` for what it emits."""

    HAS_HEADER = True

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "trace--time",
        "trace--plugin",
        "trace--branch",
        "trace--method",
        "trace--host-call",
        "trace--duration",
        "trace--ok",
        "trace--running",
        "trace--quiet",
        "trace--warning",
        "trace--failure",
    }

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(placeholder=placeholder, id=id)
        self._view: TraceView | None = None

    def show_view(self, view: TraceView) -> None:
        """Show the rows of `view` from now on."""
        self._view = view
        self.show_index(view.index)

    def header(self, width: int) -> Sequence[Piece]:
        widths = _widths(width)
        names = (("TIME", widths.time), ("PLUGIN", widths.plugin), ("METHOD", widths.method))
        left = [fit(name, cells) for name, cells in names if cells]
        line = [*left, fit("TOOK", widths.duration, right=True), fit("OUTCOME", widths.status)]
        return [(" ".join(line), "line-view--header")]

    def pieces(self, key: int, width: int) -> Sequence[Piece]:
        cells = None if self._view is None else self._view.cells(key)
        if cells is None:
            return ()
        widths = _widths(width)
        clock = clock_text(cells.time_ns)[: widths.time]
        found: list[Piece] = [(f"{clock if not cells.is_host_call else '':<{widths.time}} ", "trace--time")]
        if widths.plugin:
            name = "" if cells.is_host_call else cells.plugin
            found.append((fit(name, widths.plugin) + " ", "trace--plugin"))
        method_style = "trace--host-call" if cells.is_host_call else "trace--method"
        if cells.branch:
            found.append((cells.branch, "trace--branch"))
        found.append((_fit_method(cells.method, widths.method - len(cells.branch)) + " ", method_style))
        took = "" if cells.duration_ns is None else _duration(cells)
        found.append((fit(took, widths.duration, right=True) + " ", "trace--duration"))
        found.append((fit(cells.status, widths.status), _OUTCOME_STYLES.get(cells.status, "trace--failure")))
        return found

    def revision(self, key: int) -> Hashable:
        if self._view is None:
            return 0
        revision = self._view.revision(key)
        if self._view.is_running(key):
            return revision, int(time.monotonic() * _REDRAWN_PER_S)
        return revision

    def row_text(self, key: int) -> str:
        """The row in full, whatever the columns cut off."""
        cells = None if self._view is None else self._view.cells(key)
        if cells is None:
            return ""
        took = "" if cells.duration_ns is None else duration_text(cells.duration_ns)
        return f"{clock_text(cells.time_ns)} {cells.plugin} {cells.branch}{cells.method} {took} {cells.status}"


def _duration(cells: TraceCells) -> str:
    assert cells.duration_ns is not None
    if cells.is_running:
        # Tenths of a second only: more would flicker.
        return f"{cells.duration_ns / 1_000_000_000:.1f} s"
    return duration_text(cells.duration_ns)


def _fit_method(name: str, width: int) -> str:
    """`Service.Method` in exactly `width` cells; what tells methods apart stays longest."""
    service, dot, method = name.partition(".")
    if dot and len(name) > width:
        room = width - len(method) - 1
        name = f"{fit(service, room)}.{method}" if room >= _LEAST_SERVICE else method
    return fit(name, width)


def _widths(width: int) -> _Widths:
    """Columns for a view of `width` cells: the method takes what the others leave."""
    is_narrow = width < 100
    clock = 8 if is_narrow else 12
    duration = 7
    status = 15
    rest = width - clock - duration - status - 3
    plugin = 0 if width < 56 else min(max(10, rest - 1 - _METHOD), 14) if is_narrow else 18
    method = max(10, rest - plugin - bool(plugin))
    return _Widths(time=clock, plugin=plugin, method=method, duration=duration, status=status)
