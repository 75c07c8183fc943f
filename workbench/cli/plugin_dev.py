"""`workbench plugin dev` and `pack`: a folder under development into the plugins folder, and into a package."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.cli.command import Command
from workbench.cli.diagnostics import ask, complain, reports_errors, say
from workbench.cli.exit_codes import ExitCode
from workbench.cli.folders import existing_folder, load_settings
from workbench.cli.interrupts import run_interruptible
from workbench.cli.output import print_json, print_lines
from workbench.cli.plugin_folders import add_json, changed_folder, enabled_settings, warn_if_open
from workbench.inert import display_text

if TYPE_CHECKING:
    from engine.settings import Settings

_PATH_LIMIT: Final = 4_096


def _add_dev_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the folder your plugin is developed in")
    parser.add_argument("-y", "--yes", action="store_true", help="replace what is there without asking")
    add_json(parser)


def _add_pack_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the plugin's folder")
    parser.add_argument("-o", "--output", metavar="FILE", help="the package (default: NAME.ndp in the current folder)")
    parser.add_argument(
        "--include",
        metavar="PATTERN",
        action="append",
        default=[],
        help="pack these files too, such as 'data/*.json'; may be repeated",
    )
    add_json(parser)


@reports_errors
def run_dev(arguments: Namespace) -> int:
    """Link a development folder into the plugins folder."""
    settings = enabled_settings(arguments)
    if settings is None:
        return ExitCode.FAILED
    source = Path(arguments.folder).expanduser()
    linked = changed_folder(settings).link(source, may_replace=lambda place: _may_replace(arguments, place))
    link, target = (
        display_text(str(linked.path), limit=_PATH_LIMIT),
        display_text(str(linked.target), limit=_PATH_LIMIT),
    )
    name = display_text(linked.manifest.name)
    if arguments.json:
        value = {"name": linked.manifest.name, "link": str(linked.path), "target": str(linked.target)}
        print_json({**value, "created": linked.is_new, "has_module": linked.has_module})
    elif linked.is_new:
        print_lines(
            [
                f"Development symlink created: '{link}' -> '{target}'",
                f"Plugin can be refreshed with: workbench plugin refresh '{name}'",
            ]
        )
    else:
        print_lines([f"Development symlink already exists: '{link}' -> '{target}'"])
    if not linked.has_module:
        complain(
            "warning: the folder has no plugin.wasm yet", hint="Build the plugin; a running workbench can do that."
        )
    warn_if_open(settings)
    return ExitCode.DONE


def _may_replace(arguments: Namespace, place: Path) -> bool:
    """Ask on the terminal; scripts say `--yes`, or write their answer to standard input."""
    if arguments.yes:
        return True
    what = "a link" if place.is_symlink() else "a folder, which is deleted"
    say(f"Target already exists and is {what}: {display_text(str(place), limit=_PATH_LIMIT)}")
    if arguments.json:
        return False  # nobody is there to be asked
    return ask("Do you want to replace it? (y/N): ") in ("y", "Y")


@reports_errors
def run_pack(arguments: Namespace) -> int:
    """Make a package of a plugin's folder, if it could be loaded from there."""
    from engine.plugins.manifest import MANIFEST_NAME, read_manifest
    from engine.plugins.packing import PACKAGE_SUFFIX, pack

    folder, settings = existing_folder(arguments.folder), load_settings(arguments)
    status = run_interruptible(lambda _: _refuse_unloadable(folder, settings))
    if status != ExitCode.DONE:
        return status
    name = read_manifest(folder / MANIFEST_NAME).name
    target = Path(arguments.output).expanduser() if arguments.output else Path(f"{name}{PACKAGE_SUFFIX}")
    if target.suffix != PACKAGE_SUFFIX:
        complain(f"not a valid plugin package: {target} (expected {PACKAGE_SUFFIX} extension)")
        return ExitCode.FAILED
    package = pack(folder, target.absolute(), include=arguments.include)
    if arguments.json:
        print_json(
            {
                "name": package.manifest.name,
                "version": package.manifest.version,
                "package": str(package.file),
                "size_bytes": package.size_bytes,
                "sha256": package.sha256,
                "files": [{"name": member.name, "size_bytes": member.size_bytes} for member in package.members],
            }
        )
        return ExitCode.DONE
    print_lines(
        [
            *(f"  {display_text(member.name)}  {member.size_bytes} bytes" for member in package.members),
            f"{display_text(str(target), limit=_PATH_LIMIT)}: {package.size_bytes} bytes, SHA-256 {package.sha256}",
        ]
    )
    return ExitCode.DONE


async def _refuse_unloadable(folder: Path, settings: Settings) -> int:
    """Say what is wrong with the plugin to be packed, as far as that is seen without running it."""
    from workbench.cli.judging import complain_of_all, judge

    inspection = await judge(folder, settings, may_start=False)
    missing = inspection.missing_module
    errors = inspection.errors if missing is None else (*inspection.errors, missing)
    complain_of_all(errors)
    return ExitCode.FAILED if errors else ExitCode.DONE


DEV: Final = Command(
    name="dev",
    summary="Link a development folder into the plugins folder.",
    usage="DIR [--yes] [--json]",
    add_arguments=_add_dev_arguments,
    run=run_dev,
)
PACK: Final = Command(
    name="pack",
    summary="Make a package of a plugin's folder; the same files give the same bytes.",
    usage="DIR [-o FILE] [--include PATTERN]... [--json]",
    add_arguments=_add_pack_arguments,
    run=run_pack,
    epilog="A plugin that could not be loaded is not packed; its code is not run to find that out.\n"
    "Packed are manifest.json, plugin.wasm, README, LICENSE, NOTICE, CHANGELOG, docs/, and what is included.",
)
