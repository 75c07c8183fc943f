"""`workbench config`: every setting as it holds now, and where it comes from. Secrets are not shown."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Final

from workbench.cli.command import Command
from workbench.cli.diagnostics import reports_errors
from workbench.cli.exit_codes import ExitCode
from workbench.cli.folders import load_settings
from workbench.cli.output import Colour, json_text, painted, print_json, print_lines
from workbench.inert import display_text

if TYPE_CHECKING:
    from engine.settings import Settings

_VALUE_LIMIT: Final = 400
_SETTINGS_FILE: Final = "settings file"
"""Where all of `PluginConfig` comes from: there are no variables for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: its Navidrome name, its value without secrets, and what set it."""

    name: str
    value: object
    """A JSON value; durations in seconds, sizes in bytes."""
    origin: str


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `config`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead")


@reports_errors
def run(arguments: Namespace) -> int:
    """Print the effective settings."""
    settings = list(effective(load_settings(arguments)))
    if arguments.json:
        print_json([{"name": item.name, "value": item.value, "origin": item.origin} for item in settings])
        return ExitCode.DONE
    rows = [
        tuple(display_text(cell, limit=_VALUE_LIMIT) for cell in (item.name, _text(item.value))) for item in settings
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    width = min(widths[1], 48)  # one long value must not push all origins off the screen
    print_lines(
        f"{name:<{widths[0]}}  {value:<{width}}  {painted(display_text(item.origin), Colour.FAINT)}"
        for (name, value), item in zip(rows, settings, strict=True)
    )
    return ExitCode.DONE


def effective(settings: Settings) -> Iterator[Setting]:
    """Every setting in the order in which they are read, then what plugins are given."""
    from workbench.trace.masking import MASK, looks_secret, mask_text

    for name, origin in settings.origins.items():
        value = _value(settings, name)
        if value and looks_secret(name.rpartition(".")[2]):
            value = MASK
        yield Setting(name=name, value=value, origin=origin)
    for plugin, section in settings.plugin_config.items():
        for key, text in section.items():
            shown = MASK if text and looks_secret(key, is_setting=True) else mask_text(text)
            yield Setting(name=f"PluginConfig.{plugin}.{key}", value=shown, origin=_SETTINGS_FILE)


def _value(settings: Settings, name: str) -> object:
    """What holds for a setting: as it was read, unless something else had the last word."""
    decided: dict[str, object] = {
        "Plugins.Enabled": settings.plugins.enabled,
        "Plugins.Folder": settings.plugins.folder,
        "DataFolder": settings.data_folder,
        "CacheFolder": settings.cache_folder,
        "DevPluginCompilationTimeout": settings.compile_timeout_s,
        "Workbench.Routes": settings.workbench.routes,
        "Workbench.Fidelity": settings.workbench.fidelity.value,
        "Workbench.Limits.CallTimeout": _limit(settings.limits.call_timeout_s),
        "Workbench.Pool.Mode": settings.pool.mode.value,
    }
    return _json_value(decided[name] if name in decided else settings.values.get(name))


def _limit(seconds: float) -> float | str:
    """A time limit as it is shown; JSON has no infinity."""
    return "none" if math.isinf(seconds) else seconds


def _json_value(value: object) -> object:
    """A value that JSON has too; secrets inside are hidden by their names."""
    from workbench.trace.masking import MASK, looks_secret, mask_text

    if isinstance(value, str):
        return mask_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple | list):
        return [_json_value(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {str(key): MASK if looks_secret(str(key)) and item else _json_value(item) for key, item in value.items()}
    return mask_text(str(value))


def _text(value: object) -> str:
    """A value as a settings file has it; what is not set is shown as `-`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}s"
    if isinstance(value, list | dict):
        return json_text(value) if value else "-"
    return "-" if value is None or value == "" else str(value)


COMMAND: Final = Command(
    name="config",
    summary="Show the settings that hold, and where each comes from.",
    usage="[--json]",
    add_arguments=add_arguments,
    run=run,
    epilog="Secrets are hidden. Sizes are in bytes; in JSON, durations are in seconds.",
)
