"""`workbench [PATH...]`: the full screen on plugin folders. Its help is the help of the program."""

from __future__ import annotations

from argparse import Action, ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Final

from workbench.cli.command import PROGRAM, add_common_arguments, listing
from workbench.cli.diagnostics import reports_errors
from workbench.cli.folders import folders_to_watch, load_settings
from workbench.cli.output import print_lines

SUMMARY: Final = """\
A workbench for authors of Navidrome plugins: watch, rebuild, reload, call and trace them.

Without a command it opens the full screen on PATH, a plugin's folder or a folder of them
(default: the configured plugins folder, else the current folder)."""


def usage() -> str:
    """The usage line of the program."""
    return f"{PROGRAM} [PATH...] [--trust]\n       {PROGRAM} COMMAND ..."


def epilog(commands: Mapping[str, str]) -> str:
    """What stands below the options: the commands and what each does."""
    return (
        f"{listing('commands', commands)}\n\n`{PROGRAM} COMMAND --help` explains each. New here? Try `{PROGRAM} demo`."
    )


class _Version(Action):
    """Prints the version. It is looked up only then: reading the package's metadata takes 25 ms."""

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("navidrome-workbench")
        except PackageNotFoundError:
            found = "(from a source tree that is not installed)"
        print_lines([f"{PROGRAM} {found}"])
        parser.exit()


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the full screen and of the program itself."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="a plugin's folder or a folder of them")
    parser.add_argument("--trust", action="store_true", help="run the build commands of the plugins' folders")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    add_common_arguments(parser)


@reports_errors
def run(arguments: Namespace) -> int:
    """Open the full screen."""
    settings = load_settings(arguments)
    folders = folders_to_watch(arguments, settings)

    from workbench.session import Session
    from workbench.tui.run import run as run_screen

    return run_screen(lambda: Session(settings, folders, trust_all=arguments.trust))
