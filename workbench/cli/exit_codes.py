"""What the exit status of every command means; the numbers are promises to scripts."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of `workbench` and its commands."""

    DONE = 0
    FAILED = 1
    """A call with any outcome but ok, not_found included, or a command that was refused or failed."""
    USAGE = 2
    """Unknown command, plugin, method or field, invalid JSON or settings, wrong arguments."""
    NOT_LOADED = 3
    """The plugin could not be loaded: invalid, not built, undeclared capability, OnInit refused."""
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


def after_signal(number: int) -> int:
    """The status of a command that ended because of signal `number`."""
    return 128 + number
