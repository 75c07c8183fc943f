"""The notes beside an entry of the compile cache: whom it was compiled for, what it cost, how often it was used.

A small JSON object, and behind it one line feed for every hit. JSON ignores those, so counting is a single append: no
lock, nothing to rewrite, and no count is lost when two processes load at once. Nothing depends on the notes; when
they are lost or damaged, or somebody tampered with them, that is all that is lost.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Self

from engine.wasm.private_files import open_private, write_new

_JSON_LIMIT: Final = 2048
_NAME_LIMIT: Final = 256
_NUMBER_LIMIT: Final = 2**63
_SIZE_LIMIT: Final = 1 << 20
"""Bytes of the file: after a million hits nobody counts any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What a compiler knew when it stored an entry; None is what nobody knows any more."""

    plugin: str | None
    module_bytes: int | None
    compile_ns: int | None
    created_ns: int | None

    @classmethod
    def of(cls, data: object) -> Self:
        """The notes in a JSON value, whatever it is; members that make no sense are left out."""
        members = data if isinstance(data, dict) else {}
        plugin = members.get("plugin")
        return cls(
            plugin=plugin if isinstance(plugin, str) and _is_name(plugin) else None,
            module_bytes=_number(members.get("module_bytes")),
            compile_ns=_number(members.get("compile_ns")),
            created_ns=_number(members.get("created_ns")),
        )


NO_NOTES: Final = Notes(**{field.name: None for field in fields(Notes)})


def write_notes(path: Path, notes: Notes, *, scratch: Path) -> None:
    """Put notes into their place in one step, with no hits counted; raises `OSError`.

    They are not flushed to the disk: losing them to a power cut is no harm.
    """
    temporary = write_new(scratch, json.dumps(asdict(notes)).encode())
    try:
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def read_notes(path: Path) -> tuple[Notes, int]:
    """The notes and the hits counted; `NO_NOTES` and 0 for whatever cannot be read."""
    try:
        with open(open_private(path), "rb") as file:
            size = min(os.fstat(file.fileno()).st_size, _SIZE_LIMIT)
            text = file.read(_JSON_LIMIT).rstrip(b"\n")
        notes = Notes.of(json.loads(text))
    except (OSError, ValueError, RecursionError):
        return NO_NOTES, 0
    return notes, 0 if notes == NO_NOTES else max(0, size - len(text))


def count_hit(path: Path) -> None:
    """Add a hit; raises `OSError`, `FileNotFoundError` when there are no notes to add it to."""
    descriptor = open_private(path, os.O_WRONLY | os.O_APPEND)
    try:
        if os.fstat(descriptor).st_size < _SIZE_LIMIT:
            os.write(descriptor, b"\n")
    finally:
        os.close(descriptor)


def _is_name(text: str) -> bool:
    return len(text) <= _NAME_LIMIT and not any("\ud800" <= character <= "\udfff" for character in text)


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _NUMBER_LIMIT else None
