"""What commands print on stdout: lines for people, and JSON that scripts can rely on.

The only module that writes to stdout; what the shell made of that stream is the affair of `streams.py`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from enum import StrEnum

# Legal inside JSON strings, but not harmless on a terminal: C1 and direction controls, separators, surrogates.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


class Colour(StrEnum):
    """How a word is set off on a terminal."""

    GOOD = "32"
    BAD = "31"
    FAINT = "2"
    BOLD = "1"


def print_lines(lines: Iterable[str]) -> None:
    """Print lines that are inert already."""
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def print_json(value: object) -> None:
    """Print one JSON value, indented."""
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")
    print_lines([json_text(value, is_ascii=not is_unicode)])


def json_text(value: object, *, is_ascii: bool = False) -> str:
    """`value` as indented JSON in which every character that a terminal could act on is escaped."""
    text = json.dumps(value, ensure_ascii=is_ascii, allow_nan=False, indent=2)
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def painted(text: str, colour: Colour) -> str:
    """`text` in colour on a terminal that wants it; unchanged in a pipe, with `NO_COLOR` or a dumb terminal."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"
