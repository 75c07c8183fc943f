"""`workbench watch`: the reload loop without a screen, one line or JSON object for every fact."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Final

from workbench.cli.command import Command
from workbench.cli.diagnostics import reports_errors
from workbench.cli.folders import folders_to_watch, load_settings
from workbench.cli.interrupts import run_interruptible

EVENT_CHOICES: Final = ("main", "all")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `watch`."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="a plugin's folder or a folder of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument(
        "--events",
        choices=EVENT_CHOICES,
        default=EVENT_CHOICES[0],
        help="main, the default, leaves out what instances and pools do, and without --json also "
        "calls that went well; all leaves out nothing",
    )
    parser.add_argument("--trust", action="store_true", help="run the build commands of the plugins' folders")


@reports_errors
def run(arguments: Namespace) -> int:
    """Watch until a signal ends it."""
    from workbench.cli import watching

    settings = load_settings(arguments)
    watch = watching.Watch(
        settings=settings,
        folders=folders_to_watch(arguments, settings),
        is_trusted=arguments.trust,
        is_json=arguments.json,
        tells_all=arguments.events == EVENT_CHOICES[1],
    )
    return run_interruptible(watch.run)


COMMAND: Final = Command(
    name="watch",
    summary="Rebuild and reload on every change, without a screen.",
    usage="[PATH...] [--json] [--events main|all] [--trust]",
    add_arguments=add_arguments,
    run=run,
    epilog="Ends with Ctrl-C (exit status 130).",
)
