"""Which folders the `plugin` commands work on, and what they say about them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.diagnostics import complain, say
from workbench.cli.folders import ENABLE_HINT, folders_of, load_settings
from workbench.inert import display_text

if TYPE_CHECKING:
    from engine.plugins.discovery import DiscoveredPlugin
    from engine.plugins.folder import PluginsFolder
    from engine.settings import Settings


def add_json(parser: ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead")


def enabled_settings(arguments: Namespace) -> Settings | None:
    """The settings; None, with the reason on stderr, while plugins are disabled (spec C14)."""
    settings = load_settings(arguments)
    if settings.plugins.enabled:
        return settings
    complain("plugins are disabled", hint=ENABLE_HINT)
    return None


def searched_folders(settings: Settings) -> tuple[Path, ...]:
    """Where plugins are looked for: what a workbench opens, and the folder that `plugin install` fills."""
    folders = folders_of(settings)
    own = settings.plugins.folder
    return folders if own in folders or not own.is_dir() else (*folders, own)


def changed_folder(settings: Settings) -> PluginsFolder:
    """The folder that management commands change: the configured one or its default, never the current folder."""
    from engine.plugins.folder import PluginsFolder

    if settings.origins.get("Plugins.Folder") == settings.origins.get("DataFolder") == "default":
        say(f"plugins folder: {display_text(str(settings.plugins.folder))}")
    return PluginsFolder(settings.plugins.folder)


def warn_if_open(settings: Settings) -> None:
    """Say when others may read or change what is installed (spec behaviour section 19)."""
    from engine.plugins.modes import open_to_others

    paths = open_to_others(settings.plugins.folder)
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        complain(
            f"warning: the plugins folder is open to group or others: {paths[0]}{more}",
            hint=f"Close it with: chmod -R go= {settings.plugins.folder}",
        )


def is_usable_name(name: str) -> bool:
    """Whether `name` can name an installed plugin; says why not (spec behaviour section 18)."""
    from engine.plugins.names import check_name_argument

    problem = check_name_argument(name)
    if problem is not None:
        complain(f'"{name}" is not a plugin name: {problem}', hint="Give the plugin's name as `plugin list` shows it.")
    return problem is None


def root_of(entry: DiscoveredPlugin, settings: Settings) -> Path:
    """The searched folder that a plugin was found in."""
    folders = searched_folders(settings)
    return next((folder for folder in folders if entry.entry.is_relative_to(folder.absolute())), folders[0])
