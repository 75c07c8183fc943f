"""The line that says that the window is too small: things are cut then, and nobody should have to wonder why."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

_LEAST: Final = Size(80, 24)


class SizeNotice(Static):
    """Shows itself while the window is too small. Emits nothing."""

    def show_size(self, size: Size) -> None:
        """The window has this size now."""
        self.display = size.width < _LEAST.width or size.height < _LEAST.height
        self.update(
            Content(
                f"This window is {size.width} by {size.height}; the workbench needs {_LEAST.width} by {_LEAST.height}."
            )
        )
