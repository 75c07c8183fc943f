"""A TOML file somebody wrote by hand: its values, and the line that any of them stands in.

The standard library's reader gives no positions, so keys are looked up in the text afterwards.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Place, SettingsError
from engine.plugins.files import cause_text, read_limited

TOML_LIMIT_BYTES = 1024 * 1024

_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*")
_ONE_KEY = re.compile(_KEY)
_NESTING_LIMIT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlSource:
    """One file that was read; `values` are plain Python values."""

    file: Path
    text: str
    values: Mapping[str, object]

    def place_of(self, key: Sequence[str]) -> Place:
        """Where `key` is set, names compared without regard to case; the nearest enclosing table otherwise."""
        sought = tuple(name.lower() for name in key)
        line = 0
        best = -1
        for number, found in _keys(self.text):
            shared = _shared(sought, found)
            if shared == len(found) and shared > best:
                line, best = number, shared
        return Place(file=self.file, line=line or None)


def read_toml(file: Path) -> TomlSource:
    """Read a TOML file of at most `TOML_LIMIT_BYTES`; raises `SettingsError` with the line."""
    try:
        text = read_limited(file, TOML_LIMIT_BYTES).decode()
    except OSError as error:
        raise SettingsError(
            f"cannot read {file}: {cause_text(error)}",
            hint="Name a readable TOML file.",
            place=Place(file=file),
        ) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{file.name} is not valid UTF-8",
            hint="Save it as UTF-8.",
            place=Place(file=file, line=line),
        ) from error
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise _syntax_error(file, text, str(error)) from error
    if _depth(values) > _NESTING_LIMIT:
        raise _syntax_error(file, text, f"nested deeper than {_NESTING_LIMIT} levels")
    return TomlSource(file=file, text=text, values=values)


def _syntax_error(file: Path, text: str, message: str) -> SettingsError:
    at = _AT.search(message)
    place = Place(file=file)
    if at is not None:
        line = int(at.group(1)) if at.group(1) else text.count("\n") + 1
        place = Place(file=file, line=line, column=int(at.group(2)) if at.group(2) else None)
        message = message[: at.start()]
    return SettingsError(
        f"{file.name} is not valid TOML: {message[:1].lower()}{message[1:]}",
        hint="Texts need quotes, and every table a [header] of its own.",
        place=place,
    )


def _depth(value: object) -> int:
    """How deep tables and arrays nest, without recursion."""
    deepest = 0
    open_values = [(value, 1)]
    while open_values:
        current, depth = open_values.pop()
        deepest = max(deepest, depth)
        if isinstance(current, dict):
            open_values += [(inner, depth + 1) for inner in current.values()]
        elif isinstance(current, list):
            open_values += [(inner, depth + 1) for inner in current]
    return deepest


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each line that sets a key or opens a table, with the whole dotted name in lower case."""
    table: tuple[str, ...] = ()
    quotes: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if quotes is not None:
            quotes = None if quotes in line else quotes
            continue
        stripped = line.strip()
        if stripped.startswith("["):
            table = _names(stripped.lstrip("["))
            yield number, table
            continue
        name, equals, value = _split(line)
        if equals:
            yield number, (*table, *name)
        for mark in ('"""', "'''"):
            if value.count(mark) == 1:
                quotes = mark


def _split(line: str) -> tuple[tuple[str, ...], bool, str]:
    """The dotted key of a `key = value` line, whether there is one, and the rest."""
    found = _DOTTED.match(line)
    if found is None or not line.startswith("=", found.end()):
        return (), False, line
    return _names(found.group(1)), True, line[found.end() + 1 :]


def _names(dotted: str) -> tuple[str, ...]:
    found = _DOTTED.match(dotted)
    keys = _ONE_KEY.findall(found.group(1)) if found else []
    return tuple(key.strip("\"'").lower() for key in keys)


def _shared(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    """How many leading names are equal."""
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count
