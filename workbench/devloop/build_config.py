"""How a plugin's folder says it is built: `[build]` in workbench.toml, else one WebAssembly text file.

    [build]
    command = ["go", "build", "-buildmode=c-shared", "-o", "{output}", "."]   # an argument list, no shell
    env = { GOOS = "wasip1", GOARCH = "wasm" }                                # beside the inherited variables
    sources = ["**/*.go", "../go.mod", "../internal/**/*.go"]                 # a change of these builds; default **/*
    output = "target/plugin.wasm"    # what a command without {output} writes; default plugin.wasm

The file comes with the plugin, so it is hostile input: reading it runs nothing, and every value is checked here.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from engine.errors import SettingsError
from engine.plugins.discovery import MODULE_NAME
from engine.plugins.manifest import MANIFEST_NAME
from engine.toml_source import TomlSource, read_toml
from workbench.devloop.errors import BuildConfigError

CONFIG_NAME: Final = "workbench.toml"
OUTPUT_MARK: Final = "{output}"
"""Stands in a command for the file that it is to write."""

MAX_CLIMB: Final = 3
"""How many `../` a source pattern may begin with: enough for shared code of a repository, far from the root."""

_MAX_ITEMS: Final = 200
_MAX_ENV: Final = 16 << 10
"""Characters of all variables together: the user has to read them before agreeing to the command."""
_KEYS: Final = ("command", "env", "sources", "output")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXAMPLE: Final = 'For example: command = ["go", "build", "-buildmode=c-shared", "-o", "{output}", "."].'


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one plugin is built."""

    command: tuple[str, ...]
    """What runs, and what the user agrees to; for the built-in step what it does, in the same form."""
    env: Mapping[str, str]
    sources: tuple[str, ...]
    """Glob patterns relative to the folder; `**` stands for any folders, hidden ones excepted."""
    output: str = MODULE_NAME
    """What a command without `{output}` writes, relative to the folder."""
    text_module: str | None = None
    """The WebAssembly text file of the built-in step, which needs nobody's consent."""

    @property
    def is_builtin(self) -> bool:
        """The step runs inside the workbench and starts no process."""
        return self.text_module is not None

    @property
    def has_output_mark(self) -> bool:
        """The command is told where to write."""
        return any(OUTPUT_MARK in argument for argument in self.command)


def find_recipe(folder: Path) -> Recipe | None:
    """How the plugin in `folder` is built; None when it comes ready-made.

    `[build]` in workbench.toml wins. Without it, `plugin.wat`, else the only `*.wat` file there is, is assembled by
    the built-in step. Raises `BuildConfigError`.
    """
    path = folder / CONFIG_NAME
    if not os.path.lexists(path):
        return _text_recipe(folder)
    try:
        source = read_toml(path)
    except SettingsError as error:
        raise BuildConfigError(error.summary, hint=error.hint, place=error.place) from error
    return _configured_recipe(_Reader(source)) or _text_recipe(folder)


def _configured_recipe(reader: _Reader) -> Recipe | None:
    """The recipe that a workbench.toml holds; None without `[build]`."""
    document = reader.source.values
    for key in document:
        if key != "build":
            raise reader.error(f'unknown key "{key}"', key, hint="Known here: the table [build].")
    if "build" not in document:
        return None
    table = document["build"]
    if not isinstance(table, dict):
        raise reader.error('"build" must be a table', "build", hint="Write [build] on a line of its own.")
    for key in table:
        if key not in _KEYS:
            raise reader.error(f'unknown key "{key}" in [build]', "build", key, hint=f"Known keys: {', '.join(_KEYS)}.")
    return reader.recipe(table)


def _text_recipe(folder: Path) -> Recipe | None:
    try:
        names = sorted(
            item.name for item in folder.iterdir() if item.suffix == ".wat" and not item.name.startswith(".")
        )
    except OSError:
        return None
    name = "plugin.wat" if "plugin.wat" in names else names[0] if len(names) == 1 else None
    if name is None:
        return None
    return Recipe(command=("wat2wasm", name), env={}, sources=(glob.escape(name),), text_module=name)


class _Reader:
    """Checks the values of one file and knows the lines they stand on."""

    def __init__(self, source: TomlSource) -> None:
        self.source = source

    def error(self, summary: str, *key: str, hint: str | None = None) -> BuildConfigError:
        """An error at the line where `key` is set."""
        return BuildConfigError(f"{CONFIG_NAME}: {summary}", hint=hint, place=self.source.place_of(key))

    def recipe(self, table: Mapping[str, object]) -> Recipe:
        """The whole `[build]` table."""
        if "command" not in table:
            raise self.error('[build] has no "command"', "build", hint=_EXAMPLE)
        command = self._texts(table["command"], "command", hint=_EXAMPLE)
        if not command[0].strip():
            raise self.error('"command" begins with an empty word', "build", "command", hint=_EXAMPLE)
        recipe = Recipe(
            command=command,
            env=self._env(table.get("env", {})),
            sources=tuple(map(self._pattern, self._texts(table.get("sources", ["**/*"]), "sources"))),
            output=self._output(table.get("output", MODULE_NAME)),
        )
        if "output" in table and recipe.has_output_mark:
            raise self.error(
                f'"output" has no meaning beside {OUTPUT_MARK}', "build", "output", hint="Leave one of the two out."
            )
        return recipe

    def _texts(self, value: object, key: str, *, hint: str | None = None) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise self.error(f'"{key}" must be an array of strings with at least one in it', "build", key, hint=hint)
        if len(value) > _MAX_ITEMS:
            raise self.error(f'"{key}" has more than {_MAX_ITEMS} entries', "build", key)
        if any("\0" in item for item in value):
            raise self.error(f'"{key}" has a NUL character in it', "build", key)
        return tuple(value)

    def _env(self, value: object) -> dict[str, str]:
        if not isinstance(value, dict) or len(value) > _MAX_ITEMS:
            raise self.error(
                '"env" must be a table of strings', "build", "env", hint='For example: env = { GOOS = "wasip1" }.'
            )
        for name, text in value.items():
            if not _VARIABLE.fullmatch(name):
                raise self.error(f'"{name}" cannot be the name of a variable', "build", "env", name)
            if not isinstance(text, str) or "\0" in text:
                raise self.error(f'the variable "{name}" must be a string', "build", "env", name)
        if sum(len(name) + len(text) for name, text in value.items()) > _MAX_ENV:
            raise self.error(f'"env" has more than {_MAX_ENV} characters', "build", "env")
        return dict(value)

    def _pattern(self, pattern: str) -> str:
        segments = pattern.split("/")
        climb = next((at for at, segment in enumerate(segments) if segment != ".."), len(segments))
        problem = None
        if pattern.startswith("/") or "\\" in pattern or "" in segments:
            problem = "is not a relative path with single slashes"
        elif climb > MAX_CLIMB:
            problem = f"climbs more than {MAX_CLIMB} folders"
        elif climb == len(segments) or any(segment in ("..", ".") for segment in segments[climb:]):
            problem = 'has "." or ".." where a name must be'
        if problem is not None:
            raise self.error(f'the pattern "{pattern}" of "sources" {problem}', "build", "sources")
        return pattern

    def _output(self, value: object) -> str:
        if not isinstance(value, str) or not _is_inner_path(value.split("/")) or "\0" in value or "\\" in value:
            raise self.error(
                '"output" must be the path of a file inside the plugin\'s folder',
                "build",
                "output",
                hint='For example: output = "target/wasm32-wasip1/release/plugin.wasm".',
            )
        if PurePosixPath(value).name == MANIFEST_NAME:
            raise self.error(f'"output" cannot be {MANIFEST_NAME}', "build", "output")
        return value


def _is_inner_path(segments: Sequence[str]) -> bool:
    return all(segment not in ("", ".", "..") for segment in segments)
