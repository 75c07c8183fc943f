"""`workbench cache ...`: the compiled code that is kept on disk, and how to be rid of it.

Both commands look at files only: nothing is loaded or compiled, and a workbench that is running goes on undisturbed.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.cli.command import Command, CommandGroup, UsageError, nearest
from workbench.cli.diagnostics import complain, reports_errors
from workbench.cli.exit_codes import ExitCode
from workbench.cli.folders import load_settings
from workbench.cli.output import print_json, print_lines
from workbench.cli.plugin_folders import add_json

if TYPE_CHECKING:
    from engine.settings import Settings
    from engine.wasm.cache_entry import CacheEntry
    from engine.wasm.code_folder import CodeFolder

_HASH: Final = re.compile("[0-9a-f]{6,64}")
"""The beginning of a module's hash; fewer digits would rather be a plugin's name mistyped."""


def _add_purge_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "target",
        metavar="PLUGIN|HASH",
        nargs="?",
        help="a plugin's name, or the beginning of its module's hash as `cache list` shows it (default: everything)",
    )
    add_json(parser)


@reports_errors
def run_list(arguments: Namespace) -> int:
    """Print a row for every entry of the compile cache, the last used first."""
    from workbench.cli import cache_report

    settings = load_settings(arguments)
    folder, faults = _open(settings)
    entries = folder.entries()
    if arguments.json:
        print_json(cache_report.as_json(folder.path, entries, limit_bytes=settings.plugins.cache_size_bytes))
    else:
        print_lines(
            cache_report.lines(
                folder.path, entries, fingerprint=folder.fingerprint, limit_bytes=settings.plugins.cache_size_bytes
            )
        )
    return _end(faults)


@reports_errors
def run_purge(arguments: Namespace) -> int:
    """Remove compiled code, all of it or that of one plugin or module, and say what was freed."""
    from workbench.cli import cache_report

    folder, faults = _open(load_settings(arguments))
    try:
        removed = folder.purge() if arguments.target is None else _purge_one(folder, arguments.target)
    except LookupError as nothing:
        complain(f"nothing was purged: {nothing.args[0]}", hint=nothing.args[1])
        return ExitCode.FAILED
    if arguments.json:
        print_json(cache_report.purged_as_json(removed))
    else:
        print_lines(cache_report.purged_lines(folder.path, removed))
    return _end(faults)


def _open(settings: Settings) -> tuple[CodeFolder, list[tuple[Path, str]]]:
    """The folder, and the list that its faults are put into."""
    from engine.wasm.code_folder import CodeFolder
    from engine.wasm.runtime import compiler_fingerprint

    faults: list[tuple[Path, str]] = []
    folder = CodeFolder(
        settings.compile_cache_folder,
        fingerprint=compiler_fingerprint(),
        on_fault=lambda path, error: faults.append((path, error)),
    )
    return folder, faults


def _purge_one(folder: CodeFolder, target: str) -> Sequence[CacheEntry]:
    """Purge what a word of the command line means; raises `LookupError` with summary and hint, and `UsageError`."""
    entries = folder.entries()
    plugins = {entry.plugin for entry in entries if entry.plugin is not None}
    if target in plugins:
        return folder.purge(plugin=target)
    prefix = target.lower()
    modules = {entry.module_sha256 for entry in entries if entry.module_sha256.startswith(prefix)}
    if modules and _HASH.fullmatch(prefix):
        if len(modules) > 1:
            raise UsageError(
                f'"{target}" begins the hash of {len(modules)} modules', hint="Give more digits of the hash."
            )
        return folder.purge(module_sha256=modules.pop())
    known = f"There is compiled code of: {', '.join(sorted(plugins)) or 'no plugin'}."
    raise LookupError(
        f'no plugin that code is kept of is named "{target}", and no module\'s hash begins so',
        nearest(target, sorted(plugins)) or known,
    )


def _end(faults: Sequence[tuple[Path, str]]) -> ExitCode:
    for path, error in faults:
        complain(error, place=str(path))
    return ExitCode.FAILED if faults else ExitCode.DONE


GROUP: Final = CommandGroup(
    name="cache",
    summary="List and purge the compiled code that is kept on disk.",
    commands=(
        Command(
            name="list",
            summary="List the compiled modules, the last used first.",
            usage="[--json]",
            add_arguments=add_json,
            run=run_list,
        ),
        Command(
            name="purge",
            summary="Remove compiled modules; what is needed again is compiled anew.",
            usage="[PLUGIN|HASH] [--json]",
            add_arguments=_add_purge_arguments,
            run=run_purge,
        ),
    ),
)
