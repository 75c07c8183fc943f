"""Finding the place that a compiler complains about: `file:line:column: message`, as most of them print it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from engine.errors import Place

_DIAGNOSTIC: Final = re.compile(
    r"(?:vet: |error: |-->)?\s*(?P<file>[^\s:][^:]{0,400}?)"
    r":(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?(?::\s*(?P<text>.*))?$"
)
_NO_CAUSE: Final = re.compile(r"#|go: (?:downloading|extracting|finding)|make(?:\[\d+\])?: ")
"""Lines that many builds print and that explain nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What one line of output says is wrong, and where; empty where the line only says where."""

    text: str
    place: Place | None = None


def read_complaint(line: str, folder: Path) -> Complaint | None:
    """The complaint in a line of output, if it names a file that exists; relative names belong to `folder`."""
    found = _DIAGNOSTIC.match(line.strip())
    if found is None:
        return None
    file = folder / found["file"]
    try:
        if not file.is_file():
            return None
    except (OSError, ValueError):
        return None
    column = int(found["column"]) if found["column"] else None
    return Complaint(text=found["text"] or "", place=Place(file=file, line=int(found["line"]), column=column))


class ComplaintFinder:
    """Watches the output of one build for what explains its failure: the first placed complaint, else the last line."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first: Complaint | None = None
        self._last: str | None = None

    def see(self, line: str) -> None:
        """Take the next line of output."""
        text = line.strip()
        if not text or _NO_CAUSE.match(text):
            return
        before, self._last = self._last, text
        if self._first is None:
            self._first = read_complaint(text, self._folder)
            if self._first is not None and not self._first.text:
                # Rust says what is wrong first, and where on the line below.
                self._first = replace(self._first, text=before or text)

    @property
    def best(self) -> Complaint | None:
        """The best explanation so far."""
        if self._first is not None:
            return self._first
        return None if self._last is None else Complaint(text=self._last)
