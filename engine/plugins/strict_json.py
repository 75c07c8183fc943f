"""Strict JSON (RFC 8259) that knows where everything stands.

The standard library's reader accepts NaN, keeps the last of two equal keys and forgets positions. A manifest
is hostile input and its author wants the line, so this one refuses more and can find any value again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

DEPTH_LIMIT = 100
"""How many arrays and objects may stand inside each other."""

JsonPath = tuple[str | int, ...]
"""Keys and array positions from the top value down."""

_BLANKS = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z0-9_.+-]+")
_FOUR_HEX = re.compile(r"[0-9A-Fa-f]{4}")
_SHORT_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS: dict[str, object] = {"true": True, "false": False, "null": None}
_MISSPELT = {"True", "False", "None", "nil", "undefined", "NaN", "Infinity", "-Infinity"}


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


class JsonError(ValueError):
    """The text is not strict JSON; `position` says where, `str()` what was expected."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(message)
        self.position = position


class _Found(Exception):
    """The place that `locate` looks for was reached."""

    def __init__(self, offset: int) -> None:
        self.offset = offset


def parse(data: bytes) -> object:
    """The one JSON value in `data`; raises `JsonError`.

    Refused: anything but UTF-8, a byte order mark, text after the value, NaN and infinities, numbers beyond
    double precision's range, equal keys in one object, more than `DEPTH_LIMIT` levels. Half a surrogate pair
    becomes U+FFFD.
    """
    return _Reader(_decoded(data)).document()


def locate(data: bytes, path: JsonPath) -> Position:
    """Where the value at `path` stands: its key if it is a member of an object, else its first character.

    Falls back to the nearest enclosing value that exists. `data` must be a text that `parse` accepts.
    """
    text = _decoded(data)
    for length in range(len(path), 0, -1):
        try:
            _Reader(text, sought=path[:length]).document()
        except _Found as found:
            return _position(text, found.offset)
    start = _BLANKS.match(text)
    return _position(text, start.end() if start else 0)


def pointer(path: Sequence[str | int]) -> str:
    """`path` as a JSON pointer (RFC 6901); the top value is the empty text."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise JsonError("the file is UTF-16, it must be UTF-8", Position(1, 1))
    if data.startswith(b"\xef\xbb\xbf"):
        raise JsonError("the file starts with a byte order mark, save it without one", Position(1, 1))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        good = data[: error.start].decode()
        raise JsonError("not valid UTF-8", _position(good, len(good))) from error


def _position(text: str, offset: int) -> Position:
    return Position(text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


class _Reader:
    """Recursive descent over one text; recursion is bounded by `DEPTH_LIMIT`."""

    def __init__(self, text: str, sought: JsonPath | None = None) -> None:
        self._text = text
        self._at = 0
        self._sought = sought
        self._path: list[str | int] = []

    def document(self) -> object:
        self._skip_blanks()
        value = self._value(0)
        self._skip_blanks()
        if self._at < len(self._text):
            self._fail("unexpected text after the end of the JSON value")
        return value

    def _value(self, depth: int) -> object:
        if depth > DEPTH_LIMIT:
            self._fail(f"nested deeper than {DEPTH_LIMIT} levels")
        first = self._text[self._at : self._at + 1]
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._array(depth)
        if first == '"':
            return self._string()
        return self._scalar()

    def _object(self, depth: int) -> dict[str, object]:
        members: dict[str, object] = {}
        self._at += 1
        self._skip_blanks()
        if self._take("}"):
            return members
        while True:
            start = self._at
            if not self._text.startswith('"', self._at):
                self._fail("expected a key in double quotes")
            key = self._string()
            if key in members:
                self._fail(f"the key {_shown(key)} is given twice", start)
            self._enter(key, start)
            self._skip_blanks()
            if not self._take(":"):
                self._fail('expected ":" after the key')
            self._skip_blanks()
            members[key] = self._value(depth + 1)
            self._path.pop()
            if self._ends("}"):
                return members

    def _array(self, depth: int) -> list[object]:
        items: list[object] = []
        self._at += 1
        self._skip_blanks()
        if self._take("]"):
            return items
        while True:
            self._enter(len(items), self._at)
            items.append(self._value(depth + 1))
            self._path.pop()
            if self._ends("]"):
                return items

    def _ends(self, closing: str) -> bool:
        """After a member: true at the closing bracket, false after a comma."""
        self._skip_blanks()
        if self._take(closing):
            return True
        if not self._take(","):
            self._fail(f'expected "," or "{closing}"')
        self._skip_blanks()
        if self._text.startswith(closing, self._at):
            self._fail(f'unexpected "{closing}" after a comma')
        return False

    def _string(self) -> str:
        start = self._at
        parts: list[str] = []
        self._at += 1
        while True:
            plain = _PLAIN.match(self._text, self._at)
            assert plain is not None
            parts.append(plain.group())
            self._at = plain.end()
            match self._text[self._at : self._at + 1]:
                case '"':
                    self._at += 1
                    return "".join(parts)
                case "\\":
                    parts.append(self._escape())
                case "" | "\n":
                    self._fail("this text is not closed", start)
                case _:
                    self._fail("a control character inside a text must be written as an escape")

    def _escape(self) -> str:
        letter = self._text[self._at + 1 : self._at + 2]
        if letter in _SHORT_ESCAPES:
            self._at += 2
            return _SHORT_ESCAPES[letter]
        if letter != "u":
            self._fail("unknown escape in a text")
        code = self._unit()
        if 0xD800 <= code <= 0xDBFF and self._text.startswith("\\u", self._at):
            resume = self._at
            low = self._unit()
            if 0xDC00 <= low <= 0xDFFF:
                return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
            self._at = resume
        return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)

    def _unit(self) -> int:
        digits = _FOUR_HEX.match(self._text, self._at + 2)
        if digits is None:
            self._fail("expected four hexadecimal digits after \\u")
        self._at = digits.end()
        return int(digits.group(), 16)

    def _scalar(self) -> object:
        if self._at == len(self._text):
            self._fail("unexpected end of the file")
        found = _WORD.match(self._text, self._at)
        word = found.group() if found else self._text[self._at]
        if word in _LITERALS:
            self._at += len(word)
            return _LITERALS[word]
        number = _NUMBER.fullmatch(word)
        if number is None:
            if word in _MISSPELT or word.lstrip("-+").isalpha():
                self._fail(f"{word[:40]} is not a JSON value")
            self._fail("expected a JSON value")
        value = float(word)
        if not math.isfinite(value):
            self._fail("this number is too large")
        self._at += len(word)
        return value if number.group(1) or number.group(2) else int(word)

    def _enter(self, step: str | int, offset: int) -> None:
        self._path.append(step)
        sought = self._sought
        if sought is not None and len(sought) == len(self._path) and sought == tuple(self._path):
            raise _Found(offset)

    def _take(self, character: str) -> bool:
        if self._text.startswith(character, self._at):
            self._at += 1
            return True
        return False

    def _skip_blanks(self) -> None:
        blanks = _BLANKS.match(self._text, self._at)
        assert blanks is not None
        self._at = blanks.end()

    def _fail(self, message: str, offset: int | None = None) -> NoReturn:
        raise JsonError(message, _position(self._text, self._at if offset is None else offset))


def _shown(key: str) -> str:
    return f'"{key}"' if len(key) <= 60 else f'"{key[:60]}..."'
