"""`workbench plugin validate`: whether a folder is a plugin that loads, and everything that speaks against it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Final

from workbench.cli.command import Command
from workbench.cli.diagnostics import complain, reports_errors
from workbench.cli.exit_codes import ExitCode
from workbench.cli.folders import existing_folder, load_settings
from workbench.cli.interrupts import Interruption, run_interruptible
from workbench.cli.output import print_json, print_lines
from workbench.cli.plugin_folders import add_json
from workbench.inert import display_text

if TYPE_CHECKING:
    from pathlib import Path

    from engine.settings import Settings

_PATH_LIMIT: Final = 4_096
_STEPS: Final = """\
what is checked, with the rules by which plugins are loaded:
  manifest  manifest.json
  module    plugin.wasm, if it is built: compiled, its imports held against the permissions,
            its exports against the capabilities
  start     an instance is started in the sandbox, within the limits of a call, and asked for
            its API version: only running code tells that. No host function is carried out,
            OnInit is not called. --no-start leaves this step out.

exit status: 0 nothing is wrong, or the module is not built yet, 1 something is wrong, 2 wrong usage"""


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the plugin's folder")
    parser.add_argument("--no-start", action="store_true", help="start no instance: nothing of the plugin runs")
    add_json(parser)


@reports_errors
def run(arguments: Namespace) -> int:
    """Say whether the plugin in a folder would load; exit status 1 when not."""
    folder, settings = existing_folder(arguments.folder), load_settings(arguments)

    async def main(_: Interruption) -> int:
        return await _validate(folder, settings, may_start=not arguments.no_start, is_json=arguments.json)

    return run_interruptible(main)


async def _validate(folder: Path, settings: Settings, *, may_start: bool, is_json: bool) -> int:
    from workbench.cli.judging import as_json, complain_of_all, judge, notes_of

    inspection = await judge(folder, settings, may_start=may_start)
    if is_json:
        print_json(as_json(folder, inspection))
    elif not inspection.errors:
        what = "valid" if inspection.missing_module is None else "the manifest is valid"
        print_lines([f"{display_text(str(folder), limit=_PATH_LIMIT)}: {what}"])
    complain_of_all(inspection.errors)
    for note in notes_of(inspection):
        complain(f"note: {note}")
    return ExitCode.FAILED if inspection.errors else ExitCode.DONE


VALIDATE: Final = Command(
    name="validate",
    summary="Check whether a plugin would load: manifest, module, and a first start.",
    usage="DIR [--no-start] [--json]",
    add_arguments=_add_arguments,
    run=run,
    epilog=_STEPS,
)
