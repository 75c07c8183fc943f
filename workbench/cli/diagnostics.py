"""The command line's voice on stderr, and which exit status an error means.

The only module that writes to stderr. Everything printed is made inert first: names, paths and causes may
hold whatever a plugin or an archive put into them.
"""

from __future__ import annotations

import functools
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.cli.command import PROGRAM
from workbench.cli.exit_codes import ExitCode
from workbench.cli.streams import abandon
from workbench.inert import display_lines
from workbench.trace.wording import is_told

if TYPE_CHECKING:
    from engine.errors import EngineError, Place


def complain(summary: str, *, hint: str | None = None, place: str | None = None) -> None:
    """Say on stderr what went wrong, where unless that has been said, and what to do about it."""
    first, *rest = display_lines(summary, limit=None)
    lines = [f"{PROGRAM}: {first}", *(f"  {line}" for line in rest)]
    if place and not is_told(place, summary):
        lines += [f"  at {line}" for line in display_lines(place)]
    if hint:
        lines += [f"  {line}" for line in display_lines(hint)]
    say(*lines)


def say(*lines: str) -> None:
    """Print lines, already inert, on stderr. Where nobody can read them the command goes on: its status tells."""
    _write("".join(f"{line}\n" for line in lines))


def ask(question: str) -> str:
    """Put a question, already inert, on stderr; what standard input answers to it, empty when nothing."""
    _write(question)
    try:
        return sys.stdin.readline().strip()
    except (OSError, ValueError):
        return ""  # closed, or no text


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        abandon(sys.stderr)


def complain_of(error: EngineError) -> None:
    """Say what an engine error says, with its place and hint."""
    summary = error.summary
    if error.plugin and error.plugin not in summary:
        summary = f"{error.plugin}: {summary}"
    complain(summary, hint=error.hint, place=place_text(error.place))


def place_text(place: Place | None) -> str | None:
    """A place in words; line and column of a text that is no file are named as such."""
    if place is None:
        return None
    if place.file is not None or place.line is None:
        return str(place) or None
    column = f", column {place.column}" if place.column else ""
    field = f" ({place.pointer})" if place.pointer else ""
    return f"line {place.line}{column}{field}"


def exit_code_for(error: EngineError) -> ExitCode:
    """Exit status for an error that ended a command before there was anything to report."""
    from engine.errors import RequestError, SettingsError

    return ExitCode.USAGE if isinstance(error, RequestError | SettingsError) else ExitCode.FAILED


def reports_errors(run: Callable[[Namespace], int]) -> Callable[[Namespace], int]:
    """Make a command's `run` print engine errors and return their exit status."""

    @functools.wraps(run)
    def reporting(arguments: Namespace) -> int:
        from engine.errors import EngineError

        try:
            return run(arguments)
        except EngineError as error:
            complain_of(error)
            return exit_code_for(error)

    return reporting
