"""`workbench plugin ...`: what is installed and what it asks for.

What judges, changes or switches plugins is in the `plugin_*.py` beside this file.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from workbench.cli import plugin_dev, plugin_install, plugin_refresh, plugin_validate
from workbench.cli.command import Command, CommandGroup
from workbench.cli.diagnostics import reports_errors
from workbench.cli.exit_codes import ExitCode
from workbench.cli.output import print_json, print_lines
from workbench.cli.plugin_folders import add_json, enabled_settings, is_usable_name, searched_folders


def _add_info_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("plugin", metavar="PLUGIN", help="name of an installed plugin, else of its folder; or FILE.ndp")
    add_json(parser)


@reports_errors
def run_list(arguments: Namespace) -> int:
    """Print a row for every plugin, good or bad."""
    from workbench.cli import plugin_reports
    from workbench.cli.installed import installed

    settings = enabled_settings(arguments)
    if settings is None:
        return ExitCode.FAILED
    entries = installed(searched_folders(settings))
    if arguments.json:
        print_json([plugin_reports.row_as_json(entry) for entry in entries])
    else:
        print_lines(plugin_reports.table(entries))
    return ExitCode.DONE


@reports_errors
def run_info(arguments: Namespace) -> int:
    """Print what one plugin, installed or packed, says about itself and what it asks for."""
    from workbench.cli import plugin_reports
    from workbench.cli.installed import find_installed

    settings = enabled_settings(arguments)
    if settings is None:
        return ExitCode.FAILED
    if arguments.plugin.endswith(".ndp"):
        return _package_info(arguments)
    if not is_usable_name(arguments.plugin):
        return ExitCode.FAILED
    entry = find_installed(searched_folders(settings), arguments.plugin)
    if entry.manifest is None:
        assert entry.error is not None, "an entry without a manifest says why"
        raise entry.error
    if arguments.json:
        print_json(plugin_reports.details_as_json(entry, entry.manifest))
    else:
        print_lines(plugin_reports.details(entry, entry.manifest))
    return ExitCode.DONE


def _package_info(arguments: Namespace) -> int:
    from engine.plugins.package import open_package
    from workbench.cli.package_report import package_as_json, package_lines

    package = open_package(Path(arguments.plugin).expanduser())
    if arguments.json:
        print_json(package_as_json(package))
    else:
        print_lines(package_lines(package))
    return ExitCode.DONE


GROUP: Final = CommandGroup(
    name="plugin",
    summary="List, show, check, install, link, pack and switch plugins.",
    commands=(
        Command(
            name="list",
            summary="List the plugins of the plugins folder, good and bad.",
            usage="[--json]",
            add_arguments=add_json,
            run=run_list,
        ),
        Command(
            name="info",
            summary="Show a plugin's or a package's manifest, permissions and files.",
            usage="PLUGIN|FILE.ndp [--json]",
            add_arguments=_add_info_arguments,
            run=run_info,
        ),
        *plugin_install.COMMANDS,
        plugin_refresh.REFRESH,
        plugin_dev.DEV,
        plugin_validate.VALIDATE,
        plugin_dev.PACK,
        *plugin_refresh.SWITCHES,
    ),
)
