"""Ctrl-C, SIGTERM and SIGHUP for commands that run on an asyncio loop.

The first signal asks the command to end in order; a second one leaves at once. The exit status says which it was.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

from workbench.cli.exit_codes import after_signal

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Whether somebody asked the command to end. Belongs to the command's loop."""

    def __init__(self, give_up: Callable[[], object]) -> None:
        self.received: int | None = None
        """The first signal's number."""
        self.on_signal: Callable[[], object] = give_up
        """What the first signal does; cancelling the whole command unless it is replaced."""

    def receive(self, number: int) -> None:
        """Take a signal."""
        if self.received is not None:
            # The tidy way was asked for already and takes too long for whoever waits.
            os._exit(after_signal(number))
        self.received = number
        self.on_signal()


def run_interruptible(main: Callable[[Interruption], Coroutine[Any, Any, int]]) -> int:
    """Run `main` to its end on a loop of its own; returns its exit status, or 128 + the signal that ended it."""
    return asyncio.run(_listening(main))


async def _listening(main: Callable[[Interruption], Coroutine[Any, Any, int]]) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    interruption = Interruption(task.cancel)
    # A shell or nohup may have had a signal ignored; that is theirs to say.
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    for number in heard:
        loop.add_signal_handler(number, interruption.receive, number)
    try:
        status = await main(interruption)
    except asyncio.CancelledError:
        if interruption.received is None:
            raise
        status = 0
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
    return status if interruption.received is None else after_signal(interruption.received)
