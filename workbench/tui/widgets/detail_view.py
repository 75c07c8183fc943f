"""Everything about one call, host call or log entry, to read and scroll: facts, error, messages, guest output."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType

from workbench.trace.row_index import RowIndex
from workbench.tui.columns import wrap
from workbench.tui.widgets.line_view import LineView
from workbench.tui.widgets.row_strips import Piece

if TYPE_CHECKING:
    from workbench.trace.detail import Subject
    from workbench.trace.message_lines import DetailLine

_JSON_MEMBER = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*"): ?(.*)$')
_FACT: Final = 9
"""Cells of the name that begins a fact."""


class DetailView(LineView):
    """Shows one subject of the trace; long lines are wrapped. Secrets stay hidden until `m` asks for them."""

    HELP = """\
Everything about one call, host call or log entry. `m` shows hidden secrets and hides them again, `x` shows the \
messages as hex, `y` copies the line under the cursor, `Y` copies everything. Text can be selected with the mouse.
"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "toggle_secrets", "Secrets", id="detail.secrets", tooltip="Show hidden secrets, or hide them"),
        Binding("x", "toggle_wire", "Hex", id="detail.wire", tooltip="Show the messages as hex, or as JSON"),
        Binding("Y", "copy_all", "Copy all", id="detail.copy-all", show=False, tooltip="Send everything shown"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "detail--title",
        "detail--section",
        "detail--fact",
        "detail--fact-name",
        "detail--json",
        "detail--json-key",
        "detail--text",
        "detail--hex",
        "detail--error",
        "detail--hint",
        "detail--note",
        "detail--output",
    }

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(placeholder="Nothing is picked.", follows=False, id=id)
        self._subject: Subject | None = None
        self._lines: tuple[DetailLine, ...] = ()
        self._rows: list[tuple[int, str]] = []
        """Number of the line, and the piece of it that this row shows."""
        self._wrapped_for = 0
        self._shown_state: object = None
        self._reveals = False
        self._is_wire = False
        self._starts_over = False

    def show_subject(self, subject: Subject | None) -> None:
        """Show another subject from its beginning; secrets are hidden again."""
        if subject is not self._subject:
            self._subject = subject
            self._reveals = False
            self._starts_over = True
        self.advance()

    def advance(self) -> None:
        """Read the subject again if it has changed, for a call may still run; nothing while hidden."""
        if self.is_drawable and self._state() != self._shown_state:
            self._read()

    def pieces(self, key: int, width: int) -> Sequence[Piece]:
        if key >= len(self._rows):
            return ()
        number, text = self._rows[key]
        kind = self._lines[number].kind
        if kind == "fact" and (key == 0 or self._rows[key - 1][0] != number):
            return (text[:_FACT], "detail--fact-name"), (text[_FACT:], "detail--fact")
        if kind == "json":
            member = _JSON_MEMBER.match(text)
            if member is not None:
                name = f"{member[1]}{member[2]}: "
                return (name, "detail--json-key"), (member[3], "detail--json")
        return ((text, f"detail--{kind}"),)

    def row_text(self, key: int) -> str:
        return self._rows[key][1] if key < len(self._rows) else ""

    def action_copy_row(self) -> None:
        """Send the whole line under the cursor, not only the row of it."""
        if self.cursor_key is not None and self.cursor_key < len(self._rows):
            self.copy_text(self._lines[self._rows[self.cursor_key][0]].text)

    def action_copy_all(self) -> None:
        """Send everything that is shown to the terminal's clipboard."""
        self.copy_text("\n".join(line.text for line in self._lines))

    def action_toggle_secrets(self) -> None:
        """Show hidden secrets, or hide them again."""
        self._reveals = not self._reveals
        self._read()

    def action_toggle_wire(self) -> None:
        """Show the messages as hex, or as JSON again."""
        self._is_wire = not self._is_wire
        self._read()

    def on_resize(self, event: events.Resize) -> None:
        """Wrap the lines for the new width."""
        if self.row_width != self._wrapped_for:
            self._wrap()
        super().on_resize(event)

    def on_show(self, event: events.Show) -> None:
        """Read what was shown while nobody could see it."""
        super().on_show(event)
        self.advance()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Lines are not opened, and none is the newest."""
        return False if action in ("pick", "toggle_follow") else super().check_action(action, parameters)

    def _state(self) -> object:
        return id(self._subject), getattr(self._subject, "revision", None), self._reveals, self._is_wire

    def _read(self) -> None:
        # Imported here: it needs the engine, which the first paint does not wait for (0.3 s).
        from workbench.trace.detail import detail_lines

        self._shown_state = self._state()
        subject = self._subject
        self._lines = () if subject is None else detail_lines(subject, reveal=self._reveals, wire=self._is_wire)
        self._wrap()

    def _wrap(self) -> None:
        """Lay the lines out for the width; the cursor stays on its line as far as it is still there."""
        self._wrapped_for = self.row_width
        width = max(20, self._wrapped_for)
        self._rows = [(number, piece) for number, line in enumerate(self._lines) for piece in wrap(line.text, width)]
        index = RowIndex()
        index.reset(range(len(self._rows)))
        kept, top = (0, 0.0) if self._starts_over else (self.cursor_key or 0, self.scroll_y)
        self._starts_over = False
        self.show_index(index)
        if len(index):
            self.cursor_key = min(kept, len(index) - 1)
            self.scroll_to(y=top, animate=False, immediate=True, force=True)
