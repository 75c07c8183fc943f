"""`workbench plugin install`, `update` and `remove`: packages into the plugins folder, and out of it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.cli.command import Command
from workbench.cli.diagnostics import reports_errors
from workbench.cli.exit_codes import ExitCode
from workbench.cli.output import print_json, print_lines
from workbench.cli.plugin_folders import add_json, changed_folder, enabled_settings, is_usable_name, warn_if_open
from workbench.inert import display_text

if TYPE_CHECKING:
    from engine.plugins.folder import Installed


def _add_package(parser: ArgumentParser) -> None:
    parser.add_argument("package", metavar="FILE", help="a plugin package, FILE.ndp")
    add_json(parser)


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("plugin", metavar="PLUGIN", help="name of an installed plugin, else of its folder")
    add_json(parser)


@reports_errors
def run_install(arguments: Namespace) -> int:
    """Install a package that is not installed yet."""
    settings = enabled_settings(arguments)
    if settings is None:
        return ExitCode.FAILED
    installed = changed_folder(settings).install(Path(arguments.package).expanduser())
    manifest = installed.package.manifest
    _report(arguments, installed, f"Plugin '{manifest.name}' v{manifest.version} installed successfully")
    warn_if_open(settings)
    return ExitCode.DONE


@reports_errors
def run_update(arguments: Namespace) -> int:
    """Replace an installed plugin by a package of the same name."""
    settings = enabled_settings(arguments)
    if settings is None:
        return ExitCode.FAILED
    installed = changed_folder(settings).update(Path(arguments.package).expanduser())
    manifest = installed.package.manifest
    _report(arguments, installed, f"Plugin '{manifest.name}' updated to v{manifest.version} successfully")
    warn_if_open(settings)
    return ExitCode.DONE


@reports_errors
def run_remove(arguments: Namespace) -> int:
    """Delete a plugin's folder, or the link to it."""
    settings = enabled_settings(arguments)
    if settings is None or not is_usable_name(arguments.plugin):
        return ExitCode.FAILED
    removed = changed_folder(settings).remove(arguments.plugin)
    if arguments.json:
        target = None if removed.link_target is None else str(removed.link_target)
        print_json({"name": removed.name, "path": str(removed.path), "dev": target is not None, "link_target": target})
    elif removed.link_target is None:
        print_lines([display_text(f"Plugin '{removed.name}' removed successfully")])
    else:
        text = f"Development plugin symlink '{removed.name}' removed successfully (target directory preserved)"
        print_lines([display_text(text)])
    return ExitCode.DONE


def _report(arguments: Namespace, installed: Installed, text: str) -> None:
    if not arguments.json:
        print_lines([display_text(text, limit=1_000)])
        return
    package = installed.package
    print_json(
        {
            "name": package.manifest.name,
            "version": package.manifest.version,
            "old_version": installed.old_version,
            "path": str(installed.path),
            "package": str(package.file),
            "sha256": package.sha256,
        }
    )


COMMANDS: Final = (
    Command(
        name="install",
        summary="Install a plugin package.",
        usage="FILE [--json]",
        add_arguments=_add_package,
        run=run_install,
    ),
    Command(
        name="remove",
        summary="Delete an installed plugin, or the link to a development folder.",
        usage="PLUGIN [--json]",
        add_arguments=_add_name,
        run=run_remove,
    ),
    Command(
        name="update",
        summary="Replace an installed plugin by a package.",
        usage="FILE [--json]",
        add_arguments=_add_package,
        run=run_update,
    ),
)
