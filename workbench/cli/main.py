"""The entry of the command line: which command was meant, and what its end means to the shell."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from workbench.cli import cache, call, config, demo, output, plugin, screen, watch
from workbench.cli.command import PROGRAM, Command, CommandGroup, Parser, UsageError, nearest, split_first_word
from workbench.cli.diagnostics import complain
from workbench.cli.exit_codes import ExitCode
from workbench.cli.streams import abandon, prepare_streams

COMMANDS: Final[tuple[Command | CommandGroup, ...]] = (
    demo.COMMAND,
    call.COMMAND,
    watch.COMMAND,
    plugin.GROUP,
    cache.GROUP,
    config.COMMAND,
)
"""Every command that has a name, in the order of the help. A new one is a file and its line here."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` (default: this process's) describes; returns the exit status."""
    prepare_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return choose(words)()
    except UsageError as error:
        complain(str(error), hint=error.hint)
        return ExitCode.USAGE
    except SystemExit as end:  # argparse ends so after --help and --version
        return int(end.code or 0)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            if not _is_from_stdout(error):
                raise
            complain(f"cannot write to standard output: {error.strerror or error}")
        abandon(sys.stdout)
        return ExitCode.FAILED


def _is_from_stdout(error: OSError) -> bool:
    """Whether an error arose in the only module that writes to stdout; any other one is a defect."""
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    return bool(innermost.f_globals["__name__"] == output.__name__)


def choose(argv: Sequence[str]) -> Callable[[], int]:
    """The command that `argv` means, ready to run; raises `UsageError` for a word that means nothing."""
    words = split_first_word(argv)
    command = {command.name: command for command in COMMANDS}.get(words.first or "")
    if command is not None:
        return lambda: command.main(words.others, prefix=PROGRAM)
    if words.first is not None and not is_path(words.first):
        known = [command.name for command in COMMANDS]
        raise UsageError(
            f'unknown command "{words.first}", and there is no such folder here',
            hint=nearest(words.first, known) or f"commands: {', '.join(known)}; `{PROGRAM} --help` explains them",
        )
    return lambda: open_screen(argv)


def open_screen(argv: Sequence[str]) -> int:
    """Run the command without a name: the full screen. Its help is the help of the program."""
    table = {command.name: command.summary for command in COMMANDS}
    parser = Parser(prog=PROGRAM, usage=screen.usage(), summary=screen.SUMMARY, epilog=screen.epilog(table))
    screen.add_arguments(parser)
    return screen.run(parser.parse_args(argv))


def is_path(word: str) -> bool:
    """Whether a first word that is no command is meant as a folder: it exists, or is written like a path."""
    return os.sep in word or word in (".", "..") or word.startswith("~") or Path(word).is_dir()
