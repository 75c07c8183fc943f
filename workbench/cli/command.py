"""What a command is to the command line: a name, its arguments and a function that runs it.

Also the argument parser that all commands share: wrong usage is raised as `UsageError`, never printed here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from workbench.cli.output import print_lines

PROGRAM: Final = "workbench"
_OPTIONS_WITH_VALUE: Final = ("--config", "--plugins")


class UsageError(Exception):
    """The command line makes no sense; `hint` says what would."""

    def __init__(self, summary: str, *, hint: str | None = None) -> None:
        super().__init__(summary)
        self.summary = summary
        self.hint = hint


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `UsageError` and takes no abbreviated options."""

    def __init__(self, *, prog: str, usage: str, summary: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=summary,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def print_help(self, file: object = None) -> None:
        """Print the help on stdout; argparse itself would keep quiet about a stdout that takes nothing."""
        print_lines(self.format_help().splitlines())

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"usage: {self.usage}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `usage` is what follows the program's and the command's name.

    `run` gets the parsed arguments and returns the exit status; it imports what it needs itself.
    """

    name: str
    summary: str
    usage: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    epilog: str | None = None

    def main(self, argv: Sequence[str], *, prefix: str) -> int:
        """Parse `argv` and run; `prefix` is what was typed before the command's name."""
        prog = f"{prefix} {self.name}"
        parser = Parser(prog=prog, usage=f"{prog} {self.usage}".rstrip(), summary=self.summary, epilog=self.epilog)
        self.add_arguments(parser)
        add_common_arguments(parser)
        return self.run(parser.parse_args(argv))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGroup:
    """Commands under one word, such as `plugin`."""

    name: str
    summary: str
    commands: tuple[Command, ...]

    def main(self, argv: Sequence[str], *, prefix: str) -> int:
        """Run the command that the first word of `argv` names."""
        prog = f"{prefix} {self.name}"
        words = split_first_word(argv)
        command = {command.name: command for command in self.commands}.get(words.first or "")
        if command is not None:
            return command.main(words.others, prefix=prog)
        usage = f"{prog} {{{','.join(command.name for command in self.commands)}}} ..."
        if words.first is not None:
            raise UsageError(
                f'unknown command "{self.name} {words.first}"',
                hint=nearest(words.first, [command.name for command in self.commands]) or f"usage: {usage}",
            )
        table = {command.name: command.summary for command in self.commands}
        parser = Parser(prog=prog, usage=usage, summary=self.summary, epilog=listing("commands", table))
        add_common_arguments(parser)
        parser.parse_args(argv)
        return parser.error(f"{prog} needs a command")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A command line split at its first word that is no option."""

    first: str | None
    others: tuple[str, ...]
    """All the rest, options before the word included; everything when there is no word."""


def split_first_word(argv: Sequence[str]) -> Words:
    """Find the first word of `argv`; the options that every command takes may stand before it.

    After `--` and at a call for help nothing is taken for a command's name.
    """
    position = 0
    while position < len(argv):
        word = argv[position]
        if word in ("--", "-h", "--help", "--version"):
            break
        if not word.startswith("-"):
            return Words(first=word, others=(*argv[:position], *argv[position + 1 :]))
        position += 2 if word in _OPTIONS_WITH_VALUE else 1
    return Words(first=None, others=tuple(argv))


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command takes."""
    group = parser.add_argument_group("settings")
    group.add_argument("--config", metavar="FILE", help="settings file (default: ND_CONFIGFILE, ./navidrome.toml)")
    group.add_argument("--plugins", metavar="DIR", help="folder of plugin folders; wins over the settings")


def listing(title: str, table: Mapping[str, str]) -> str:
    """A help section of names and one-line meanings, aligned."""
    width = max(map(len, table))
    return "\n".join([f"{title}:", *(f"  {name:<{width}}  {meaning}" for name, meaning in table.items())])


def nearest(word: str, known: Sequence[str]) -> str | None:
    """`did you mean ...?` with the known word most like `word`, or None when none is."""
    import difflib  # 3 ms that only a mistake costs

    found = difflib.get_close_matches(word, known, n=1)
    return f'did you mean "{found[0]}"?' if found else None
