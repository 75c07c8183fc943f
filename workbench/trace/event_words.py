"""The words for each kind of event, one function each; a new kind needs one more."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import singledispatch
from typing import Final

from engine.calls import Outcome
from engine.errors import Place
from engine.events import (
    CacheFaulted,
    CallFinished,
    CallStarted,
    CompileCancelled,
    CompileFailed,
    CompileFinished,
    CompileQueued,
    CompileStarted,
    EngineClosed,
    EngineOpened,
    EngineWarned,
    Event,
    GuestWrote,
    HostCallFinished,
    HostCallStarted,
    InstanceDiscarded,
    InstanceStarted,
    PermissionRefused,
    PluginState,
    PluginStateChanged,
    PluginWarned,
    PoolChanged,
    ReloadFailed,
    ReloadFinished,
    ReloadStarted,
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
    TierChanged,
)
from workbench.devloop.events import (
    BuildCancelled,
    BuildFinished,
    BuildNotTrusted,
    BuildOutput,
    BuildStarted,
    FolderChanged,
    SourceWatchDegraded,
)
from workbench.inert import display_text
from workbench.trace.wording import date_text, duration_text, size_text


class Level(StrEnum):
    """How much an event matters."""

    DEBUG = "debug"
    """Happens with every call; the trace shows it better."""
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


EXPECTED_OUTCOMES: Final = frozenset({Outcome.OK, Outcome.NOT_FOUND, Outcome.NOT_IMPLEMENTED, Outcome.CANCELLED})
"""Ends of a call that mean no harm: an answer, or a proper refusal to give one."""


_BLANKS: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
_HIDDEN_BLANKS = re.compile(f"[ {_BLANKS}]{{2,}}|[{_BLANKS}]")
_MAX_BLANK_MARKS: Final = 8


def exact_word(text: str) -> str:
    """A foreign argument or value as consent needs it: whole, inert, quoted like for a shell, its blanks seen.

    Where blanks stand side by side each is `␣`, and many are counted, so that nothing is pushed out of sight.
    """
    visible = _HIDDEN_BLANKS.sub(_blank_marks, text.replace("\t", "␉"))
    return shlex.quote(display_text(visible, limit=None))


def exact_command(command: Iterable[str]) -> str:
    """The arguments of a command that somebody is asked to agree to, each an `exact_word`."""
    return " ".join(exact_word(argument) for argument in command)


def exact_env(env: Mapping[str, str]) -> list[str]:
    """The variables of such a command as `NAME=value`, by name."""
    return [f"{display_text(name, limit=None)}={exact_word(value)}" for name, value in sorted(env.items())]


@singledispatch
def words_of(event: Event) -> tuple[Level, str]:
    """Level and text of one event, foreign text as it is; a kind this module was not taught is only named."""
    return Level.INFO, type(event).__name__


@words_of.register
def _(event: EngineOpened) -> tuple[Level, str]:
    return Level.INFO, f"engine opened on {', '.join(str(folder) for folder in event.folders)}"


@words_of.register
def _(_event: EngineClosed) -> tuple[Level, str]:
    return Level.INFO, "engine closed"


@words_of.register
def _(event: EngineWarned) -> tuple[Level, str]:
    return Level.WARNING, _with_hint(event.summary, event.hint)


@words_of.register
def _(event: PluginWarned) -> tuple[Level, str]:
    return Level.WARNING, _with_hint(_at(event.summary, event.place), event.hint)


@words_of.register
def _(event: PluginStateChanged) -> tuple[Level, str]:
    level = {
        PluginState.FAILED: Level.ERROR,
        PluginState.STALE: Level.WARNING,
        PluginState.NOT_BUILT: Level.WARNING,
    }.get(event.state, Level.INFO)
    text = str(event.state)
    if event.version and event.state in (PluginState.READY, PluginState.STALE):
        text += f", version {event.version}"
    if event.reason:
        text += f": {event.reason}"
    return level, _with_hint(_at(text, event.place), event.hint)


@words_of.register
def _(event: CompileQueued) -> tuple[Level, str]:
    return Level.INFO, f"waiting to compile {size_text(event.module_bytes)} ({event.module_sha256[:12]})"


@words_of.register
def _(event: CompileStarted) -> tuple[Level, str]:
    text = f"compiling {size_text(event.module_bytes)}{_in_tier(event.tier, event.is_background)}"
    return Level.INFO, f"{text} ({event.module_sha256[:12]})"


@words_of.register
def _(event: CompileFinished) -> tuple[Level, str]:
    how = "compiled module found in the cache" if event.is_cached else "compiled"
    how += _in_tier(event.tier, event.is_background)
    took = duration_text(event.duration_ns)
    return Level.INFO, f"{how} in {took}, {size_text(event.code_bytes)} of code ({event.module_sha256[:12]})"


@words_of.register
def _(event: CompileFailed) -> tuple[Level, str]:
    if event.is_background:
        return Level.WARNING, f"the quick code goes on serving, the module cannot be optimised: {event.error}"
    return Level.ERROR, f"cannot compile the module: {event.error}"


@words_of.register
def _(event: CompileCancelled) -> tuple[Level, str]:
    what = f"compiling{_in_tier(event.tier, event.is_background)}"
    return Level.INFO, f"{what} given up after {duration_text(event.duration_ns)}: {event.reason}"


@words_of.register
def _(event: TierChanged) -> tuple[Level, str]:
    return Level.INFO, f"{event.tier} code serves from now on, generation {event.generation}"


@words_of.register
def _(event: CacheFaulted) -> tuple[Level, str]:
    return Level.WARNING, f"compile cache entry {event.path} is unusable: {event.error}"


@words_of.register
def _(event: ReloadStarted) -> tuple[Level, str]:
    return Level.INFO, f"reloading, generation {event.generation}"


@words_of.register
def _(event: ReloadFinished) -> tuple[Level, str]:
    text = f"version {event.version} serves, generation {event.generation}, after {duration_text(event.duration_ns)}"
    return Level.INFO, f"{text}; {'; '.join(event.changes)}" if event.changes else text


@words_of.register
def _(event: ReloadFailed) -> tuple[Level, str]:
    return Level.ERROR, _with_hint(_at(f"not reloaded: {event.error}", event.place), event.hint)


@words_of.register
def _(event: InstanceStarted) -> tuple[Level, str]:
    took = duration_text(event.duration_ns)
    return Level.DEBUG, f"instance {event.instance_id} started in {took}, {size_text(event.memory_bytes)} of memory"


@words_of.register
def _(event: InstanceDiscarded) -> tuple[Level, str]:
    return Level.DEBUG, f"instance {event.instance_id} discarded: {event.reason}"


@words_of.register
def _(event: PoolChanged) -> tuple[Level, str]:
    counts = f"{event.idle} idle, {event.busy} busy, {event.waiting} waiting, {event.started} started so far"
    return Level.DEBUG, f"pool: {counts}"


@words_of.register
def _(event: CallStarted) -> tuple[Level, str]:
    cause = f" by {event.cause}" if event.cause else ""
    return Level.DEBUG, f"call {event.call_id} {event.method} started{cause}"


@words_of.register
def _(event: CallFinished) -> tuple[Level, str]:
    result = event.result
    level = Level.INFO if result.outcome in EXPECTED_OUTCOMES else Level.ERROR
    text = f"call {event.call_id} {result.method}: {result.outcome} after {duration_text(result.duration_ns)}"
    if result.error:
        text += f": {result.error}"
    return level, _with_hint(text, result.hint)


@words_of.register
def _(event: HostCallStarted) -> tuple[Level, str]:
    return Level.DEBUG, f"{_in_call(event.call_id)}{event.method} started"


@words_of.register
def _(event: HostCallFinished) -> tuple[Level, str]:
    host_call = event.host_call
    text = f"{_in_call(event.call_id)}{host_call.method} took {duration_text(host_call.duration_ns)}"
    if host_call.error is None:
        return Level.DEBUG, text
    return Level.WARNING, f"{text}: {host_call.error}"


@words_of.register
def _(event: PermissionRefused) -> tuple[Level, str]:
    text = f"{event.method} refused for {event.target}: {event.reason}"
    return Level.WARNING, _with_hint(text, event.hint)


@words_of.register
def _(event: GuestWrote) -> tuple[Level, str]:
    return Level.INFO, f"{event.line.text}…" if event.line.is_cut else event.line.text


@words_of.register
def _(event: BuildStarted) -> tuple[Level, str]:
    return Level.INFO, f"building: {shlex.join(event.command)}"


@words_of.register
def _(event: BuildOutput) -> tuple[Level, str]:
    return Level.INFO, event.line


@words_of.register
def _(event: BuildFinished) -> tuple[Level, str]:
    took = duration_text(event.duration_ns)
    if event.ok:
        return Level.INFO, f"built in {took}"
    exit_code = f", exit status {event.exit_code}" if event.exit_code is not None else ""
    reason = f": {event.error}" if event.error else ""
    return Level.ERROR, _with_hint(_at(f"build failed after {took}{exit_code}{reason}", event.place), event.hint)


@words_of.register
def _(event: BuildCancelled) -> tuple[Level, str]:
    return Level.INFO, f"build stopped after {duration_text(event.duration_ns)}: {event.reason}"


@words_of.register
def _(event: BuildNotTrusted) -> tuple[Level, str]:
    return (
        Level.WARNING,
        f"not built: {shlex.join(event.command)}{_with_env(event.env)} comes from the plugin's folder and is not "
        "trusted yet",
    )


@words_of.register
def _(event: FolderChanged) -> tuple[Level, str]:
    return Level.INFO, f"changed: {', '.join(str(path) for path in event.paths)}"


@words_of.register
def _(event: SourceWatchDegraded) -> tuple[Level, str]:
    return Level.WARNING, f"file changes are noticed late: {event.reason}"


@words_of.register
def _(event: SocketOpened) -> tuple[Level, str]:
    route = f", routed to {event.routed_to}" if event.routed_to else ""
    took = duration_text(event.duration_ns)
    return Level.INFO, f"socket {event.connection_id} opened to {event.url}{route} in {took}"


@words_of.register
def _(event: SocketFrame) -> tuple[Level, str]:
    way = "sent" if event.is_sent else "injected" if event.is_injected else "received"
    return Level.DEBUG, f"socket {event.connection_id} {way} a {event.kind} frame, {size_text(event.size_bytes)}"


@words_of.register
def _(event: SocketClosed) -> tuple[Level, str]:
    level = Level.WARNING if event.end is SocketEnd.BROKEN else Level.INFO
    text = f"socket {event.connection_id} closed ({event.end}, code {event.code})"
    for detail in (event.reason, event.error):
        if detail:
            text += f": {detail}"
    return level, _with_hint(text, event.note)


@words_of.register
def _(event: ScheduleCreated) -> tuple[Level, str]:
    kind = "once" if event.cron is None else event.cron
    text = f"schedule {event.schedule_id} made: {kind}, {_due(event.next_ns)}"
    return Level.INFO, f"{text}, {size_text(event.payload_bytes)} of payload"


@words_of.register
def _(event: ScheduleFired) -> tuple[Level, str]:
    return Level.DEBUG, f"schedule {event.schedule_id} fired{' by hand' if event.is_manual else ''}"


@words_of.register
def _(event: ScheduleFinished) -> tuple[Level, str]:
    if event.outcome is Outcome.OK:
        return Level.DEBUG, f"schedule {event.schedule_id} done"
    then = "it stays" if event.is_recurring else "nothing is retried"
    reason = f": {event.error}" if event.error else ""
    return Level.WARNING, f"schedule {event.schedule_id} failed, {then}: {event.outcome}{reason}"


@words_of.register
def _(event: ScheduleSkipped) -> tuple[Level, str]:
    return Level.WARNING, f"schedule {event.schedule_id} skipped: its previous run still lasts"


@words_of.register
def _(event: SchedulePaused) -> tuple[Level, str]:
    return (
        Level.INFO,
        f"schedule {event.schedule_id} {'paused' if event.is_paused else f'resumed, {_due(event.next_ns)}'}",
    )


@words_of.register
def _(event: ScheduleCancelled) -> tuple[Level, str]:
    how = {
        ScheduleEnd.PLUGIN: "cancelled by the plugin",
        ScheduleEnd.USER: "cancelled by hand",
        ScheduleEnd.REPLACED: "replaced",
        ScheduleEnd.REMOVED: "cancelled: the plugin is gone",
        ScheduleEnd.INIT: "cancelled: the OnInit that made it does not count any more",
    }
    return Level.INFO, _with_hint(f"schedule {event.schedule_id} {how[event.end]}", event.note)


def _in_tier(tier: str, is_background: bool) -> str:
    return " (quick tier)" if tier == "quick" else " (optimised, in the background)" if is_background else ""


def _blank_marks(match: re.Match[str]) -> str:
    count = len(match[0])
    return "␣" * count if count <= _MAX_BLANK_MARKS else f"␣⟨{count} blanks⟩␣"


def _with_env(env: Mapping[str, str]) -> str:
    if not env:
        return ""
    return f" with {' '.join(f'{name}={shlex.quote(value)}' for name, value in sorted(env.items()))}"


def _due(next_ns: int | None) -> str:
    return "never due" if next_ns is None else f"due {date_text(next_ns)}"


def _with_hint(text: str, hint: str | None) -> str:
    return f"{text} — {hint}" if hint else text


def _at(text: str, place: Place | None) -> str:
    return f"{text} ({place})" if place is not None and str(place) else text


def _in_call(call_id: int | None) -> str:
    return "at start: " if call_id is None else f"call {call_id}: "
