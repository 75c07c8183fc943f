"""What a form shows: one frozen row for each field, heading, list item and map entry of a draft."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """What a row is, and so which editor it gets."""

    TEXT = "text"
    BYTES = "bytes"
    INTEGER = "integer"
    DECIMAL = "decimal"
    CHOICE = "choice"
    FLAG = "flag"
    ENTRY = "entry"
    """One `key=value` of a map."""
    MESSAGE = "message"
    """A heading; the fields of the message follow while `is_set`."""
    LIST = "list"
    """A heading; `count` items follow."""
    MAP = "map"
    """A heading; `count` entries follow."""


HEADINGS = frozenset({FieldKind.MESSAGE, FieldKind.LIST, FieldKind.MAP})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """One line of a form, top to bottom."""

    path: str
    """Unique in the form: `track.artists[0].name`."""
    label: str
    kind: FieldKind
    depth: int
    type_name: str
    """As in the `.proto` file: `int32`, `map<string, string>`, `TrackInfo`; of one item for a list."""
    text: str = ""
    is_set: bool = False
    """A flag is true; a message is there."""
    count: int = 0
    """Items of a list or entries of a map."""
    is_item: bool = False
    """Can be removed from the list or map above it."""
    is_locked: bool = False
    """Holds line breaks or invisible characters, which a one-line editor would lose."""
    error: str | None = None

    @property
    def has_editor(self) -> bool:
        """False for headings."""
        return self.kind not in HEADINGS
