"""docs/settings.md: every setting is there, under its names, with its unit and the default that holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.quantities import parse_duration, parse_size
from engine.settings import Settings
from engine.settings_sources import variable_name

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([\w.]+)` \| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
WITHOUT_A_ROW = frozenset({"Workbench.Routes"})
"""A table whose keys are the user's own."""
OF_THE_MACHINE = ("folder",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A setting as the reference tells it."""

    variable: str
    unit: str
    default: str
    meaning: str


def rows() -> dict[str, Row]:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    return {
        name: Row(variable=variable, unit=unit.strip(), default=default.strip().strip("`"), meaning=meaning.strip())
        for name, variable, unit, default, meaning in ROW.findall(text)
    }


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The defaults, with no file or variable of the machine."""
    monkeypatch.chdir(tmp_path)
    return Settings.load(environ={"HOME": str(tmp_path)})


def test_every_setting_is_in_the_reference_and_nothing_else_is(settings: Settings) -> None:
    assert set(rows()) == set(settings.origins) - WITHOUT_A_ROW


def test_the_variables_are_those_that_are_read() -> None:
    assert {name: row.variable for name, row in rows().items()} == {name: variable_name(name) for name in rows()}


def test_the_defaults_are_those_that_hold(settings: Settings) -> None:
    told = {name: _parsed(row) for name, row in rows().items() if row.unit not in OF_THE_MACHINE}
    held = {name: settings.values[name] or None for name in told}
    assert told == held


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, row in rows().items() if len(row.meaning) < 10] == []


def _parsed(row: Row) -> object:
    """A default as the settings hold it; None for what is not set."""
    if row.default == "none":
        return None
    if row.unit == "duration":
        return parse_duration(row.default) / 1e9
    if row.unit in ("size", "size per second"):
        return parse_size(row.default)
    if row.unit == "count":
        return int(row.default)
    return row.default == "true" if row.unit == "true or false" else row.default
