"""Which settings and which plugin folders a command works on."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.cli.command import UsageError

if TYPE_CHECKING:
    from engine.settings import Settings

ENABLE_HINT: Final = "Set Plugins.Enabled = true, or give a folder of plugins with --plugins."


def load_settings(arguments: Namespace) -> Settings:
    """The settings that `--config` and `--plugins` lead to; raises `SettingsError`."""
    from engine.settings import Settings

    plugins: str | None = arguments.plugins
    return Settings.load(arguments.config, plugins_folder=None if plugins is None else Path(plugins).expanduser())


def folders_of(settings: Settings, paths: tuple[Path, ...] = ()) -> tuple[Path, ...]:
    """What to scan: `paths`, else the plugins folder somebody configured, else the current folder."""
    if paths:
        return paths
    # A data folder somebody set has a plugins folder in it.
    is_configured = any(settings.origins.get(name, "default") != "default" for name in ("Plugins.Folder", "DataFolder"))
    return (settings.plugins.folder if is_configured else Path.cwd(),)


def folders_to_watch(arguments: Namespace, settings: Settings) -> tuple[Path, ...]:
    """The folders that a command with `PATH...` works on; raises `UsageError` when one is not there."""
    return tuple(map(existing_folder, folders_of(settings, tuple(map(Path, arguments.paths)))))


def existing_folder(path: Path | str) -> Path:
    """The folder a word of the command line or of the settings names; raises `UsageError` when there is none."""
    folder = Path(path).expanduser()
    if not folder.exists():
        raise UsageError(f"no such folder: {path}", hint="Name a plugin's folder, or a folder of them.")
    if not folder.is_dir():
        raise UsageError(f"not a folder: {path}", hint="Give the plugin's folder, not a file in it.")
    return folder


def plugin_name(text: str) -> str:
    """A plugin's name as an argument; raises `UsageError` for what cannot be one (spec behaviour section 18)."""
    if not text.strip() or text in (".", "..") or "/" in text or "\\" in text:
        raise UsageError(
            f'"{text}" is not a plugin name',
            hint="Plugins are named as in their manifest; --plugins DIR says in which folder they are.",
        )
    return text
