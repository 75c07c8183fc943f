"""`workbench plugin ...`: what is installed, what it asks for, and whether a folder is a usable plugin."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from workbench.cli.command import Command, CommandGroup
from workbench.cli.diagnostics import complain, reports_errors
from workbench.cli.exit_codes import ExitCode
from workbench.cli.folders import ENABLE_HINT, existing_folder, folders_of, load_settings, plugin_name
from workbench.cli.output import print_json, print_lines


def _add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead")


def _add_list_arguments(parser: ArgumentParser) -> None:
    _add_json(parser)


def _add_info_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("plugin", metavar="PLUGIN", help="name of an installed plugin, else of its folder")
    _add_json(parser)


def _add_validate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the plugin's folder")
    _add_json(parser)


@reports_errors
def run_list(arguments: Namespace) -> int:
    """Print a row for every plugin, good or bad."""
    from workbench.cli import plugin_reports
    from workbench.cli.installed import installed

    folders = _installed_in(arguments)
    if folders is None:
        return ExitCode.FAILED
    entries = installed(folders)
    if arguments.json:
        print_json([plugin_reports.row_as_json(entry) for entry in entries])
    else:
        print_lines(plugin_reports.table(entries))
    return ExitCode.DONE


@reports_errors
def run_info(arguments: Namespace) -> int:
    """Print what one plugin says about itself and what it asks for."""
    from workbench.cli import plugin_reports
    from workbench.cli.installed import find_installed

    name = plugin_name(arguments.plugin)
    folders = _installed_in(arguments)
    if folders is None:
        return ExitCode.FAILED
    entry = find_installed(folders, name)
    if entry.manifest is None:
        assert entry.error is not None, "an entry without a manifest says why"
        raise entry.error
    if arguments.json:
        print_json(plugin_reports.details_as_json(entry, entry.manifest))
    else:
        print_lines(plugin_reports.details(entry, entry.manifest))
    return ExitCode.DONE


@reports_errors
def run_validate(arguments: Namespace) -> int:
    """Say whether Navidrome could take the folder for a plugin; exit status 1 when not."""
    from workbench.cli import plugin_reports

    folder = existing_folder(arguments.folder)
    findings = plugin_reports.validate(folder)
    if arguments.json:
        print_json({"folder": str(folder), "ok": not findings, "errors": [finding.as_json() for finding in findings]})
    elif not findings:
        print_lines([f"{plugin_reports.shown(folder)}: valid"])
    for finding in findings:
        complain(finding.summary, hint=finding.hint, place=finding.place)
    return ExitCode.FAILED if findings else ExitCode.DONE


def _installed_in(arguments: Namespace) -> tuple[Path, ...] | None:
    """The folders to look into; None, with the reason on stderr, while plugins are disabled (spec C14)."""
    settings = load_settings(arguments)
    if settings.plugins.enabled:
        return folders_of(settings)
    complain("plugins are disabled", hint=ENABLE_HINT)
    return None


GROUP: Final = CommandGroup(
    name="plugin",
    summary="List, show and check plugins.",
    commands=(
        Command(
            name="list",
            summary="List the plugins of the plugins folder, good and bad.",
            usage="[--json]",
            add_arguments=_add_list_arguments,
            run=run_list,
        ),
        Command(
            name="info",
            summary="Show a plugin's manifest, permissions and files.",
            usage="PLUGIN [--json]",
            add_arguments=_add_info_arguments,
            run=run_info,
        ),
        Command(
            name="validate",
            summary="Check a plugin's manifest and module file.",
            usage="DIR [--json]",
            add_arguments=_add_validate_arguments,
            run=run_validate,
        ),
    ),
)
