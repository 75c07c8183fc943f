"""One setting at a time: looked up in variables, then in the file, checked, and remembered where it came from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from engine.errors import Place, SettingsError
from engine.quantities import parse_duration, parse_size
from engine.toml_source import TomlSource

_T = TypeVar("_T")

_TRUE = frozenset({"1", "t", "true", "yes", "on"})
_FALSE = frozenset({"0", "f", "false", "no", "off"})
_COUNT_LIMIT = 2**31
_FREE_TABLES = frozenset({"pluginconfig", "workbench.routes"})
"""Tables whose keys are the user's own, not names of settings."""


class SettingSources:
    """Answers settings by their Navidrome name and keeps the origin of each one asked for."""

    def __init__(self, source: TomlSource | None, environ: Mapping[str, str]) -> None:
        self._source = source
        self._environ = environ
        self._file_values = {} if source is None else _flat(source)
        self.origins: dict[str, str] = {}
        self.values: dict[str, object] = {}
        """What each setting asked for was read as."""

    def value(self, name: str, read: Callable[[object], _T], default: _T) -> _T:
        """The setting `name`, such as `Plugins.Folder`; raises `SettingsError` naming key, file and line.

        A variable (`ND_PLUGINS_FOLDER`) that is set and not empty wins over the file.
        """
        value = self._value(name, read, default)
        self.values[name] = value
        return value

    def _value(self, name: str, read: Callable[[object], _T], default: _T) -> _T:
        variable = variable_name(name)
        if given := self._environ.get(variable):
            self.origins[name] = variable
            return self._read(given, read, f"the variable {variable}", Place())
        if self._source is not None and name.lower() in self._file_values:
            self.origins[name] = str(self._source.file)
            return self._read(self._file_values[name.lower()], read, name, self._source.place_of(name.split(".")))
        self.origins[name] = "default"
        return default

    def section(self, name: str) -> Section:
        """Answers the settings of one table, such as `Workbench.Limits`, by their last name."""
        return Section(self, name)

    def refuse_unknown(self, section: str) -> None:
        """Raise `SettingsError` for a key or variable of `section` that nobody asked for: most likely misspelt."""
        known = {name.lower(): name for name in self.origins}
        prefix = section.lower() + "."
        for key in self._file_values:
            if (key == prefix[:-1] or key.startswith(prefix)) and key not in known and self._source is not None:
                raise _unknown(key, known, self._source.place_of(key.split(".")))
        variables = {variable_name(name): variable_name(name) for name in self.origins}
        for variable in self._environ:
            if variable.startswith(variable_name(prefix)) and variable not in variables:
                raise _unknown(variable, variables, Place())

    def _read(self, given: object, read: Callable[[object], _T], what: str, place: Place) -> _T:
        try:
            return read(given)
        except ValueError as error:
            raise SettingsError(
                f"{what}: {error}", hint="Correct the value or take the line out.", place=place
            ) from error


class Section:
    """The settings of one table."""

    def __init__(self, sources: SettingSources, name: str) -> None:
        self._sources = sources
        self._name = name

    def __call__(self, key: str, read: Callable[[object], _T], default: _T) -> _T:
        """The setting `key` of this table; otherwise as `SettingSources.value`."""
        return self._sources.value(f"{self._name}.{key}", read, default)


def variable_name(name: str) -> str:
    """The environment variable of a setting: `Plugins.Folder` is `ND_PLUGINS_FOLDER`."""
    return "ND_" + name.replace(".", "_").upper()


def text(value: object) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ValueError(f"expected a text, got {_kind(value)}")
    return value


def folder(value: object) -> Path:
    """A path; relative ones count from the current folder, as in Navidrome."""
    path = text(value)
    if not path.strip() or "\0" in path:
        raise ValueError("expected the path of a folder")
    return Path(path).absolute()


def flag(value: object) -> bool:
    """A boolean, or its text in a variable."""
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {_kind(value)}")
    return value


def count(value: object) -> int:
    """A whole number from 1."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < _COUNT_LIMIT:
        raise ValueError("expected a whole number from 1")
    return value


def count_or_none(value: object) -> int:
    """A whole number from 0."""
    return 0 if value in (0, "0") and not isinstance(value, bool) else count(value)


def seconds(value: object) -> float:
    """A time above zero, from a Go duration; a bare number is nanoseconds, as in Navidrome."""
    duration = any_seconds(value)
    if duration <= 0:
        raise ValueError("expected a duration above zero, such as 90s")
    return duration


def seconds_or_unlimited(value: object) -> float:
    """A time above zero as `seconds` reads it; zero is no limit, which is infinitely many seconds."""
    return math.inf if any_seconds(value) == 0 else seconds(value)


def any_seconds(value: object) -> float:
    """Any time, from a Go duration; a bare number is nanoseconds, as in Navidrome."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return value / 1e9
    return parse_duration(text(value).strip()) / 1e9


def size(value: object) -> int:
    """A number of bytes above zero."""
    result = any_size(value)
    if not result:
        raise ValueError("expected a size above zero, such as 64MiB")
    return result


def any_size(value: object) -> int | None:
    """A number of bytes; None when the text cannot be read, which Navidrome lets pass."""
    if isinstance(value, bool | list | dict):
        raise ValueError(f"expected a size such as 100MB, got {_kind(value)}")
    return parse_size(str(value))


def http_url(value: object) -> str:
    """An http or https URL with a host, or nothing."""
    url = text(value).strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_usable = False
    if not is_usable or any(character.isspace() for character in url):
        raise ValueError("expected a URL of the form https://host")
    return url


def one_of(*choices: str) -> Callable[[object], str]:
    """A reader for one of a few words, in any case."""

    def read(value: object) -> str:
        word = text(value).lower()
        if word not in choices:
            raise ValueError(f"expected {' or '.join(choices)}")
        return word

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsonicUser:
    """Somebody on whose behalf a plugin may call the Subsonic API."""

    name: str
    is_admin: bool = False
    password: str | None = field(default=None, repr=False)
    """Only a real server asks for it."""


def subsonic_users(value: object) -> tuple[SubsonicUser, ...]:
    """Tables with `Name`, `Admin` and `Password`, or mere names; in a variable, names with commas between them."""
    entries = [name for name in value.split(",") if name.strip()] if isinstance(value, str) else value
    if not isinstance(entries, list):
        raise ValueError(f"expected a list of users, got {_kind(value)}")
    users = tuple(_subsonic_user(entry) for entry in entries)
    names = [user.name.lower() for user in users]
    for user in users:
        if names.count(user.name.lower()) > 1:
            raise ValueError(f'the user "{user.name}" is given twice; case does not count')
    return users


def _subsonic_user(entry: object) -> SubsonicUser:
    if not isinstance(entry, dict):
        entry = {"Name": entry}
    given = {key.lower(): member for key, member in entry.items()}
    unknown = sorted(given.keys() - {"name", "admin", "password"})
    if unknown:
        raise ValueError(f'a user has Name, Admin and Password, but no "{unknown[0]}"')
    name = text(given.get("name", "")).strip()
    if not name:
        raise ValueError("a user needs a Name")
    password = None if "password" not in given else text(given["password"])
    return SubsonicUser(name=name, is_admin=flag(given.get("admin", False)), password=password)


def config_text(value: object) -> str:
    """A value of `PluginConfig` as the text a plugin sees: plain decimal numbers, `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, dict | list):
        raise ValueError(f"expected a text, number or boolean, got {_kind(value)}")
    return str(value)


def _decimal(number: float) -> str:
    if not math.isfinite(number):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(number, "NaN")
    if number == int(number):
        return str(int(number))
    return f"{Decimal(repr(number)):f}"


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "an array", dict: "a table"}
    return names.get(type(value), "a date or time")


def _flat(source: TomlSource) -> dict[str, object]:
    """Every value by its dotted name in lower case; tables are entered, those with free keys left out.

    Raises `SettingsError` where two spellings name the same key.
    """
    flat: dict[str, object] = {}
    open_tables: list[tuple[tuple[str, ...], Mapping[str, object]]] = [((), source.values)]
    while open_tables:
        path, table = open_tables.pop()
        for key, value in table.items():
            name = ".".join((*path, key)).lower()
            if isinstance(value, dict):
                if name not in _FREE_TABLES:
                    open_tables.append(((*path, key), value))
            elif name in flat:
                raise SettingsError(
                    f"{'.'.join((*path, key))} is given twice",
                    hint="Key names ignore case: keep one of the spellings.",
                    place=source.place_of((*path, key)),
                )
            else:
                flat[name] = value
    return flat


def _unknown(key: str, known: Mapping[str, str], place: Place) -> SettingsError:
    near = get_close_matches(key, known, n=1)
    hint = f"Did you mean {known[near[0]]}?" if near else "Take it out; see the guide for the settings there are."
    return SettingsError(f"unknown setting {key}", hint=hint, place=place)
