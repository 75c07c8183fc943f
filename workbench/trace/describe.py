"""Every event in words: one line each, for the log pane and for `workbench watch`."""

from __future__ import annotations

from typing import Final

from engine.calls import Outcome
from engine.events import (
    CallFinished,
    CallStarted,
    Event,
    GuestWrote,
    HostCallFinished,
    HostCallStarted,
    InstanceDiscarded,
    InstanceStarted,
    PluginEvent,
    PoolChanged,
    ScheduleFinished,
    ScheduleFired,
    SocketFrame,
)
from workbench.trace.event_words import EXPECTED_OUTCOMES, words_of
from workbench.trace.masking import mask_text
from workbench.trace.sentences import Level

__all__ = ["Level", "describe", "is_at_least", "is_logged", "level_of", "plugin_of"]

_RANKS: Final = {level: rank for rank, level in enumerate(Level)}

_EVERY_CALL: Final = (
    CallStarted,
    HostCallStarted,
    HostCallFinished,
    InstanceStarted,
    InstanceDiscarded,
    PoolChanged,
    SocketFrame,
    ScheduleFired,
)


def describe(event: Event, *, reveal: bool = False) -> tuple[Level, str]:
    """How much `event` matters, and what happened, without time and plugin name.

    Secrets are hidden unless `reveal` is set. The text may have several lines and holds foreign text: pass
    it through `workbench.inert` before it meets a terminal.
    """
    level, text = words_of(event)
    return level, text if reveal else mask_text(text)


def level_of(event: Event) -> Level:
    """The level alone, cheaply."""
    return Level.INFO if isinstance(event, GuestWrote) else words_of(event)[0]


def is_at_least(level: Level, lowest: Level) -> bool:
    """Whether `level` is `lowest` or worse."""
    return _RANKS[level] >= _RANKS[lowest]


def is_logged(event: Event) -> bool:
    """Whether an event belongs in the log: not what happens with every call, unless the call went wrong."""
    if isinstance(event, CallFinished):
        return event.result.outcome not in EXPECTED_OUTCOMES
    if isinstance(event, ScheduleFinished):
        return event.outcome is not Outcome.OK
    return not isinstance(event, _EVERY_CALL)


def plugin_of(event: Event) -> str | None:
    """The plugin that an event concerns; None for those of the engine itself."""
    return event.plugin if isinstance(event, PluginEvent) else None
