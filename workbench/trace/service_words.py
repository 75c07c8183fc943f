"""The words for what host services do by themselves: sockets and schedules."""

from __future__ import annotations

from typing import Final, TypeAlias

from engine.calls import Outcome
from engine.events import (
    ScheduleCancelled,
    ScheduleCreated,
    ScheduleEnd,
    ScheduleFinished,
    ScheduleFired,
    SchedulePaused,
    ScheduleSkipped,
    SocketClosed,
    SocketEnd,
    SocketFrame,
    SocketOpened,
)
from workbench.trace.sentences import Level, Words, with_hint
from workbench.trace.wording import date_text, duration_text, size_text

SocketEvent: TypeAlias = SocketOpened | SocketFrame | SocketClosed
ScheduleEvent: TypeAlias = (
    ScheduleCreated | ScheduleFired | ScheduleFinished | ScheduleSkipped | SchedulePaused | ScheduleCancelled
)

_ENDS: Final = {
    ScheduleEnd.PLUGIN: "cancelled by the plugin",
    ScheduleEnd.USER: "cancelled by hand",
    ScheduleEnd.REPLACED: "replaced",
    ScheduleEnd.REMOVED: "cancelled: the plugin is gone",
    ScheduleEnd.INIT: "cancelled: the OnInit that made it does not count any more",
}


def socket_words(event: SocketEvent) -> Words:
    """Level and text of what happened to a WebSocket connection."""
    socket = f"socket {event.connection_id}"
    match event:
        case SocketOpened():
            route = f", routed to {event.routed_to}" if event.routed_to else ""
            return Level.INFO, f"{socket} opened to {event.url}{route} in {duration_text(event.duration_ns)}"
        case SocketFrame():
            way = "sent" if event.is_sent else "injected" if event.is_injected else "received"
            return Level.DEBUG, f"{socket} {way} a {event.kind} frame, {size_text(event.size_bytes)}"
        case SocketClosed():
            level = Level.WARNING if event.end is SocketEnd.BROKEN else Level.INFO
            text = f"{socket} closed ({event.end}, code {event.code})"
            for detail in (event.reason, event.error):
                if detail:
                    text += f": {detail}"
            return level, with_hint(text, event.note)


def schedule_words(event: ScheduleEvent) -> Words:
    """Level and text of what happened to a schedule."""
    schedule = f"schedule {event.schedule_id}"
    match event:
        case ScheduleCreated():
            kind = "once" if event.cron is None else event.cron
            size = size_text(event.payload_bytes)
            return Level.INFO, f"{schedule} made: {kind}, {_due(event.next_ns)}, {size} of payload"
        case ScheduleFired():
            return Level.DEBUG, f"{schedule} fired{' by hand' if event.is_manual else ''}"
        case ScheduleFinished():
            return _finished(schedule, event)
        case ScheduleSkipped():
            return Level.WARNING, f"{schedule} skipped: its previous run still lasts"
        case SchedulePaused():
            return Level.INFO, f"{schedule} {'paused' if event.is_paused else f'resumed, {_due(event.next_ns)}'}"
        case ScheduleCancelled():
            return Level.INFO, with_hint(f"{schedule} {_ENDS[event.end]}", event.note)


def _finished(schedule: str, event: ScheduleFinished) -> Words:
    if event.outcome is Outcome.OK:
        return Level.DEBUG, f"{schedule} done"
    then = "it stays" if event.is_recurring else "nothing is retried"
    reason = f": {event.error}" if event.error else ""
    return Level.WARNING, f"{schedule} failed, {then}: {event.outcome}{reason}"


def _due(next_ns: int | None) -> str:
    return "never due" if next_ns is None else f"due {date_text(next_ns)}"
