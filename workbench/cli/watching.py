"""The reload loop without a screen: a session, and every fact of it on stdout."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import Event, Settings
from engine.events import EventSink, GuestWrote, InstanceDiscarded, InstanceStarted, PoolChanged
from workbench.cli.exit_codes import ExitCode
from workbench.cli.fact_writer import FactWriter
from workbench.cli.interrupts import Interruption
from workbench.cli.output import Colour, painted
from workbench.inert import display_lines, display_text
from workbench.session import Session
from workbench.trace.describe import Level, describe, is_logged, plugin_of
from workbench.trace.exporters import event_to_json, json_line
from workbench.trace.wording import clock_text

_CLOSE_LIMIT_S: Final = 2.0
_INSIDE: Final = (InstanceStarted, InstanceDiscarded, PoolChanged)
"""Several with every call, about the engine's own housekeeping."""
_COLOURS: Final = {Level.WARNING: Colour.BOLD, Level.ERROR: Colour.BAD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What to watch, and how to tell of it."""

    settings: Settings
    folders: tuple[Path, ...]
    is_trusted: bool
    is_json: bool
    tells_all: bool = False
    """Every event there is, not only those that `is_told` names."""

    async def run(self, interruption: Interruption) -> int:
        """Watch until a signal comes; the exit status.

        Raises what kept the facts from being written: `BrokenPipeError` when nobody reads any more, another `OSError`
        when stdout takes no more. While the session opens a signal cancels that, as `interruption` does by itself.
        """
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        writer = FactWriter(
            json_lines if self.is_json else text_lines,
            json_loss if self.is_json else text_loss,
            lambda: loop.call_soon_threadsafe(over.set),
        )
        session = Session(self.settings, self.folders, trust_all=self.is_trusted)
        session.bus.subscribe(writer.take if self.tells_all else self._take_main(writer))
        try:
            async with session:
                # From here on there is something to close in order.
                interruption.on_signal = over.set
                await over.wait()
        finally:
            await asyncio.to_thread(writer.close, _CLOSE_LIMIT_S)
        if writer.failure is not None and interruption.received is None:
            raise writer.failure
        return ExitCode.DONE

    def _take_main(self, writer: FactWriter) -> EventSink:
        """Left out before they wait for the reader: a flood of them must not push out what is told."""

        def take(event: Event) -> None:
            if is_told(event, is_json=self.is_json):
                writer.take(event)

        return take


def is_told(event: Event, *, is_json: bool) -> bool:
    """Whether `watch` tells of an event when it is not asked for all of them."""
    return not isinstance(event, _INSIDE) if is_json else is_logged(event)


def json_lines(event: Event) -> list[str]:
    """Every event as one JSON object."""
    return [json_line(event_to_json(event))]


def json_loss(lost: int) -> str:
    """The object that stands for facts nobody could take."""
    return json_line({"event": "facts_lost", "count": lost})


def text_lines(event: Event) -> list[str]:
    """An event in words: time, plugin, what happened."""
    level, text = describe(event)
    if isinstance(event, GuestWrote):
        text = f"{event.line.stream}: {text}"
    first, *rest = display_lines(text)
    plugin = plugin_of(event)
    who = f"{display_text(plugin)}: " if plugin else ""
    lines = [f"{clock_text(event.time_ns)[:8]}  {who}{first}", *(f"          {line}" for line in rest)]
    return [painted(line, _COLOURS[level]) for line in lines] if level in _COLOURS else lines


def text_loss(lost: int) -> str:
    """The line that stands for facts nobody could take."""
    return f"          … {lost} facts lost: the output is read too slowly"
