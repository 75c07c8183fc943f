"""The words for each kind of event, one function each; a new kind needs one more."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
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
    TierChanged,
)
from workbench.devloop.events import (
    BuildCancelled,
    BuildFinished,
    BuildNotTrusted,
    BuildOutput,
    BuildStarted,
    BuildStateChanged,
    FolderChanged,
    SourceWatchDegraded,
)
from workbench.devloop.status import BUILD_FAILED
from workbench.trace.sentences import Level, Words, with_hint
from workbench.trace.service_words import ScheduleEvent, SocketEvent, schedule_words, socket_words
from workbench.trace.wording import duration_text, is_told, size_text

EXPECTED_OUTCOMES: Final = frozenset({Outcome.OK, Outcome.NOT_FOUND, Outcome.NOT_IMPLEMENTED, Outcome.CANCELLED})
"""Ends of a call that mean no harm: an answer, or a proper refusal to give one."""


@singledispatch
def words_of(event: Event) -> Words:
    """Level and text of one event, foreign text as it is; a kind this module was not taught is only named."""
    return Level.INFO, type(event).__name__


@words_of.register
def _(event: EngineOpened) -> Words:
    return Level.INFO, f"engine opened on {', '.join(str(folder) for folder in event.folders)}"


@words_of.register
def _(_event: EngineClosed) -> Words:
    return Level.INFO, "engine closed"


@words_of.register
def _(event: EngineWarned) -> Words:
    return Level.WARNING, with_hint(event.summary, event.hint)


@words_of.register
def _(event: PluginWarned) -> Words:
    return Level.WARNING, with_hint(_at(event.summary, event.place), event.hint)


@words_of.register
def _(event: PluginStateChanged) -> Words:
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
    return level, with_hint(_at(text, event.place), event.hint)


@words_of.register
def _(event: CompileQueued) -> Words:
    return Level.INFO, f"waiting to compile {size_text(event.module_bytes)} ({event.module_sha256[:12]})"


@words_of.register
def _(event: CompileStarted) -> Words:
    text = f"compiling {size_text(event.module_bytes)}{_in_tier(event.tier, event.is_background)}"
    return Level.INFO, f"{text} ({event.module_sha256[:12]})"


@words_of.register
def _(event: CompileFinished) -> Words:
    how = "compiled module found in the cache" if event.is_cached else "compiled"
    how += _in_tier(event.tier, event.is_background)
    took = duration_text(event.duration_ns)
    return Level.INFO, f"{how} in {took}, {size_text(event.code_bytes)} of code ({event.module_sha256[:12]})"


@words_of.register
def _(event: CompileFailed) -> Words:
    if event.is_background:
        return Level.WARNING, f"the quick code goes on serving, the module cannot be optimised: {event.error}"
    return Level.ERROR, f"cannot compile the module: {event.error}"


@words_of.register
def _(event: CompileCancelled) -> Words:
    what = f"compiling{_in_tier(event.tier, event.is_background)}"
    return Level.INFO, f"{what} given up after {duration_text(event.duration_ns)}: {event.reason}"


@words_of.register
def _(event: TierChanged) -> Words:
    return Level.INFO, f"{event.tier} code serves from now on, load {event.generation}"


@words_of.register
def _(event: CacheFaulted) -> Words:
    return Level.WARNING, f"compile cache entry {event.path} is unusable: {event.error}"


@words_of.register
def _(event: ReloadStarted) -> Words:
    return Level.INFO, f"reloading, load {event.generation}"


@words_of.register
def _(event: ReloadFinished) -> Words:
    text = f"version {event.version} serves, load {event.generation}, after {duration_text(event.duration_ns)}"
    return Level.INFO, f"{text}; {'; '.join(event.changes)}" if event.changes else text


@words_of.register
def _(event: ReloadFailed) -> Words:
    return Level.ERROR, with_hint(_at(f"not reloaded: {event.error}", event.place), event.hint)


@words_of.register
def _(event: InstanceStarted) -> Words:
    took = duration_text(event.duration_ns)
    return Level.DEBUG, f"instance {event.instance_id} started in {took}, {size_text(event.memory_bytes)} of memory"


@words_of.register
def _(event: InstanceDiscarded) -> Words:
    return Level.DEBUG, f"instance {event.instance_id} discarded: {event.reason}"


@words_of.register
def _(event: PoolChanged) -> Words:
    counts = f"{event.idle} idle, {event.busy} busy, {event.waiting} waiting, {event.started} started so far"
    return Level.DEBUG, f"pool: {counts}"


@words_of.register
def _(event: CallStarted) -> Words:
    cause = f" by {event.cause}" if event.cause else ""
    return Level.DEBUG, f"call {event.call_id} {event.method} started{cause}"


@words_of.register
def _(event: CallFinished) -> Words:
    result = event.result
    level = Level.INFO if result.outcome in EXPECTED_OUTCOMES else Level.ERROR
    text = f"call {event.call_id} {result.method}: {result.outcome} after {duration_text(result.duration_ns)}"
    if result.error:
        text += f": {result.error}"
    return level, with_hint(text, result.hint)


@words_of.register
def _(event: HostCallStarted) -> Words:
    return Level.DEBUG, f"{_in_call(event.call_id)}{event.method} started"


@words_of.register
def _(event: HostCallFinished) -> Words:
    host_call = event.host_call
    text = f"{_in_call(event.call_id)}{host_call.method} took {duration_text(host_call.duration_ns)}"
    if host_call.error is None:
        return Level.DEBUG, text
    return Level.WARNING, f"{text}: {host_call.error}"


@words_of.register
def _(event: PermissionRefused) -> Words:
    text = f"{event.method} refused for {event.target}: {event.reason}"
    return Level.WARNING, with_hint(text, event.hint)


@words_of.register
def _(event: GuestWrote) -> Words:
    return Level.INFO, f"{event.line.text}…" if event.line.is_cut else event.line.text


@words_of.register
def _(event: BuildStarted) -> Words:
    return Level.INFO, f"building: {shlex.join(event.command)}"


@words_of.register
def _(event: BuildOutput) -> Words:
    return Level.INFO, event.line


@words_of.register
def _(event: BuildFinished) -> Words:
    took = duration_text(event.duration_ns)
    if event.ok:
        return Level.INFO, f"built in {took}"
    exit_code = f", exit status {event.exit_code}" if event.exit_code is not None else ""
    reason = f": {event.error}" if event.error else ""
    return Level.ERROR, with_hint(_at(f"build failed after {took}{exit_code}{reason}", event.place), event.hint)


@words_of.register
def _(event: BuildCancelled) -> Words:
    return Level.INFO, f"build stopped after {duration_text(event.duration_ns)}: {event.reason}"


@words_of.register
def _(event: BuildNotTrusted) -> Words:
    return (
        Level.WARNING,
        f"not built: {shlex.join(event.command)}{_with_env(event.env)} comes from the plugin's folder and is not "
        "trusted yet",
    )


@words_of.register
def _(event: BuildStateChanged) -> Words:
    is_failed = event.state == BUILD_FAILED
    if not event.generation:
        return Level.ERROR if is_failed else Level.INFO, f"{event.state}; no version serves"
    serves = f"load {event.generation}, version {event.version}, {'still ' if is_failed else ''}serves"
    return Level.WARNING if is_failed else Level.INFO, f"{event.state}; {serves}"


@words_of.register
def _(event: FolderChanged) -> Words:
    return Level.INFO, f"changed: {', '.join(str(path) for path in event.paths)}"


@words_of.register
def _(event: SourceWatchDegraded) -> Words:
    return Level.WARNING, f"file changes are noticed late: {event.reason}"


@words_of.register
def _(event: SocketEvent) -> Words:
    return socket_words(event)


@words_of.register
def _(event: ScheduleEvent) -> Words:
    return schedule_words(event)


def _in_tier(tier: str, is_background: bool) -> str:
    return " (quick tier)" if tier == "quick" else " (optimised, in the background)" if is_background else ""


def _with_env(env: Mapping[str, str]) -> str:
    if not env:
        return ""
    return f" with {' '.join(f'{name}={shlex.quote(value)}' for name, value in sorted(env.items()))}"


def _at(text: str, place: Place | None) -> str:
    """What happened, and where unless that has been said."""
    where = "" if place is None else str(place)
    return f"{text} ({where})" if where and not is_told(where, text) else text


def _in_call(call_id: int | None) -> str:
    return "at start: " if call_id is None else f"call {call_id}: "
