from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path

import pytest

import engine.events
import workbench.devloop.events
from engine.calls import CallId, Outcome, OutputStream
from engine.errors import Place
from engine.events import (
    CacheFaulted,
    CompileCancelled,
    CompileFailed,
    CompileFinished,
    CompileQueued,
    CompileStarted,
    EngineClosed,
    EngineOpened,
    EngineWarned,
    Event,
    FrameKind,
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
from tests.workbench.trace import facts
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
from workbench.trace.describe import Level, describe, is_at_least, is_logged, level_of, plugin_of
from workbench.trace.wording import date_text

LYRE = facts.LYRE
PLACE = Place(file=Path("manifest.json"), line=3, column=5)
HOST_CALL = facts.host_call()
DUE_NS = 1_773_137_250_000_000_000

CASES: list[tuple[Event, Level, str]] = [
    (EngineOpened(time_ns=0, folders=(Path("a"), Path("b"))), Level.INFO, "engine opened on a, b"),
    (EngineClosed(time_ns=0), Level.INFO, "engine closed"),
    (EngineWarned(time_ns=0, summary="odd", hint="look"), Level.WARNING, "odd — look"),
    (PluginWarned(time_ns=0, plugin=LYRE, summary="odd", place=PLACE), Level.WARNING, "odd (manifest.json:3:5)"),
    (
        PluginStateChanged(time_ns=0, plugin=LYRE, state=PluginState.READY, version="1.0", generation=1),
        Level.INFO,
        "ready, version 1.0",
    ),
    (
        PluginStateChanged(
            time_ns=0,
            plugin=LYRE,
            state=PluginState.FAILED,
            version="1.0",
            generation=0,
            reason="no module",
            hint="build it",
            place=PLACE,
        ),
        Level.ERROR,
        "failed: no module (manifest.json:3:5) — build it",
    ),
    (
        CompileStarted(time_ns=0, plugin=LYRE, module_sha256="ab" * 32, module_bytes=2048),
        Level.INFO,
        "compiling 2.00 KiB (abababababab)",
    ),
    (
        CompileFinished(
            time_ns=0, plugin=LYRE, module_sha256="ab" * 32, is_cached=False, duration_ns=1_500_000_000, code_bytes=4096
        ),
        Level.INFO,
        "compiled in 1.50 s, 4.00 KiB of code (abababababab)",
    ),
    (
        CompileFinished(
            time_ns=0, plugin=LYRE, module_sha256="ab" * 32, is_cached=True, duration_ns=2_000_000, code_bytes=4096
        ),
        Level.INFO,
        "compiled module found in the cache in 2.00 ms, 4.00 KiB of code (abababababab)",
    ),
    (
        CompileFailed(time_ns=0, plugin=LYRE, module_sha256="ab", error="bad magic", duration_ns=1),
        Level.ERROR,
        "cannot compile the module: bad magic",
    ),
    (
        CompileQueued(time_ns=0, plugin=LYRE, module_sha256="ab" * 32, module_bytes=2048, tier="quick"),
        Level.INFO,
        "waiting to compile 2.00 KiB (abababababab)",
    ),
    (
        CompileStarted(time_ns=0, plugin=LYRE, module_sha256="ab" * 32, module_bytes=2048, tier="quick"),
        Level.INFO,
        "compiling 2.00 KiB (quick tier) (abababababab)",
    ),
    (
        CompileFinished(
            time_ns=0,
            plugin=LYRE,
            module_sha256="ab" * 32,
            is_cached=False,
            duration_ns=1_500_000_000,
            code_bytes=4096,
            is_background=True,
        ),
        Level.INFO,
        "compiled (optimised, in the background) in 1.50 s, 4.00 KiB of code (abababababab)",
    ),
    (
        CompileFailed(time_ns=0, plugin=LYRE, module_sha256="ab", error="too dear", duration_ns=1, is_background=True),
        Level.WARNING,
        "the quick code goes on serving, the module cannot be optimised: too dear",
    ),
    (
        CompileCancelled(
            time_ns=0, plugin=LYRE, module_sha256="ab", reason="it changed", duration_ns=2_000_000, tier="quick"
        ),
        Level.INFO,
        "compiling (quick tier) given up after 2.00 ms: it changed",
    ),
    (
        TierChanged(time_ns=0, plugin=LYRE, generation=3, tier="optimised"),
        Level.INFO,
        "optimised code serves from now on, load 3",
    ),
    (
        CacheFaulted(time_ns=0, path=Path("c/x"), error="no space"),
        Level.WARNING,
        "compile cache entry c/x is unusable: no space",
    ),
    (ReloadStarted(time_ns=0, plugin=LYRE, generation=2), Level.INFO, "reloading, load 2"),
    (
        ReloadFinished(
            time_ns=0, plugin=LYRE, generation=2, version="1.1", duration_ns=5_000_000, changes=("+export a", "size +1")
        ),
        Level.INFO,
        "version 1.1 serves, load 2, after 5.00 ms; +export a; size +1",
    ),
    (
        ReloadFailed(time_ns=0, plugin=LYRE, generation=2, error="bad", hint=None, place=None, duration_ns=1),
        Level.ERROR,
        "not reloaded: bad",
    ),
    (
        InstanceStarted(time_ns=0, plugin=LYRE, instance_id=4, generation=1, duration_ns=1000, memory_bytes=65536),
        Level.DEBUG,
        "instance 4 started in 1.00 µs, 64.0 KiB of memory",
    ),
    (
        InstanceDiscarded(time_ns=0, plugin=LYRE, instance_id=4, reason="used"),
        Level.DEBUG,
        "instance 4 discarded: used",
    ),
    (
        PoolChanged(time_ns=0, plugin=LYRE, idle=1, busy=2, waiting=3, started=4),
        Level.DEBUG,
        "pool: 1 idle, 2 busy, 3 waiting, 4 started so far",
    ),
    (facts.started(7), Level.DEBUG, "call 7 MetadataAgent.GetArtistMBID started"),
    (facts.finished(facts.result(7)), Level.INFO, "call 7 MetadataAgent.GetArtistMBID: ok after 2.41 ms"),
    (
        facts.finished(facts.result(7, outcome=Outcome.TRAP, error="unreachable", hint="rebuild")),
        Level.ERROR,
        "call 7 MetadataAgent.GetArtistMBID: trap after 2.41 ms: unreachable — rebuild",
    ),
    (facts.host_started(7, HOST_CALL), Level.DEBUG, "call 7: HttpService.Get started"),
    (facts.host_finished(None, HOST_CALL), Level.DEBUG, "at start: HttpService.Get took 1.50 ms"),
    (
        facts.host_finished(7, facts.host_call(error="refused")),
        Level.WARNING,
        "call 7: HttpService.Get took 1.50 ms: refused",
    ),
    (
        PermissionRefused(
            time_ns=0,
            plugin=LYRE,
            call_id=CallId(7),
            method="HttpService.Get",
            target="http://a/?token=t",
            reason="not allowed",
            hint="add it",
        ),
        Level.WARNING,
        "HttpService.Get refused for http://a/?token=••••••: not allowed — add it",
    ),
    (
        ScheduleCreated(
            time_ns=0, plugin=LYRE, call_id=None, schedule_id="poll", cron="@hourly", next_ns=DUE_NS, payload_bytes=3
        ),
        Level.INFO,
        f"schedule poll made: @hourly, due {date_text(DUE_NS)}, 3 B of payload",
    ),
    (
        ScheduleFired(time_ns=0, plugin=LYRE, schedule_id="poll", is_recurring=True, due_ns=DUE_NS, is_manual=True),
        Level.DEBUG,
        "schedule poll fired by hand",
    ),
    (
        ScheduleFinished(
            time_ns=0, plugin=LYRE, schedule_id="poll", is_recurring=True, call_id=None, outcome=Outcome.OK, error=None
        ),
        Level.DEBUG,
        "schedule poll done",
    ),
    (
        ScheduleFinished(
            time_ns=0,
            plugin=LYRE,
            schedule_id="poll",
            is_recurring=False,
            call_id=None,
            outcome=Outcome.TRAP,
            error="unreachable",
        ),
        Level.WARNING,
        "schedule poll failed, nothing is retried: trap: unreachable",
    ),
    (
        ScheduleSkipped(time_ns=0, plugin=LYRE, schedule_id="poll", due_ns=DUE_NS),
        Level.WARNING,
        "schedule poll skipped: its previous run still lasts",
    ),
    (
        SchedulePaused(time_ns=0, plugin=LYRE, schedule_id="poll", is_paused=True, next_ns=None),
        Level.INFO,
        "schedule poll paused",
    ),
    (
        SchedulePaused(time_ns=0, plugin=LYRE, schedule_id="poll", is_paused=False, next_ns=None),
        Level.INFO,
        "schedule poll resumed, never due",
    ),
    (
        ScheduleCancelled(time_ns=0, plugin=LYRE, schedule_id="poll", end=ScheduleEnd.INIT, note="gone"),
        Level.INFO,
        "schedule poll cancelled: the OnInit that made it does not count any more — gone",
    ),
    (facts.wrote("hello"), Level.INFO, "hello"),
    (BuildStarted(time_ns=0, plugin=LYRE, command=("go", "build", "a b")), Level.INFO, "building: go build 'a b'"),
    (
        BuildOutput(time_ns=0, plugin=LYRE, line="main.go:1: bad", stream=OutputStream.STDERR),
        Level.INFO,
        "main.go:1: bad",
    ),
    (
        BuildFinished(time_ns=0, plugin=LYRE, ok=True, duration_ns=2_000_000_000, exit_code=0, error=None),
        Level.INFO,
        "built in 2.00 s",
    ),
    (
        BuildFinished(time_ns=0, plugin=LYRE, ok=False, duration_ns=2_000_000_000, exit_code=1, error="bad"),
        Level.ERROR,
        "build failed after 2.00 s, exit status 1: bad",
    ),
    (
        BuildCancelled(time_ns=0, plugin=LYRE, reason="the sources changed again", duration_ns=1_000_000),
        Level.INFO,
        "build stopped after 1.00 ms: the sources changed again",
    ),
    (
        BuildStateChanged(time_ns=0, plugin=LYRE, state="build failed", version="1.2.0", generation=3, reason="bad"),
        Level.WARNING,
        "build failed; load 3, version 1.2.0, still serves",
    ),
    (
        BuildStateChanged(time_ns=0, plugin=LYRE, state="build failed", version="", generation=0, reason="bad"),
        Level.ERROR,
        "build failed; no version serves",
    ),
    (
        BuildStateChanged(time_ns=0, plugin=LYRE, state="ready", version="1.2.0", generation=3),
        Level.INFO,
        "ready; load 3, version 1.2.0, serves",
    ),
    (
        BuildNotTrusted(
            time_ns=0, plugin=LYRE, command=("make",), env={"A": "b c", "API_TOKEN": "x y"}, folder=Path("lyre")
        ),
        Level.WARNING,
        "not built: make with A='b c' API_TOKEN=•••••• comes from the plugin's folder and is not trusted yet",
    ),
    (FolderChanged(time_ns=0, plugin=LYRE, paths=(Path("a.go"), Path("b.go"))), Level.INFO, "changed: a.go, b.go"),
    (
        SourceWatchDegraded(time_ns=0, reason="no watches left"),
        Level.WARNING,
        "file changes are noticed late: no watches left",
    ),
    (
        SocketOpened(
            time_ns=0,
            plugin=LYRE,
            call_id=None,
            connection_id="c1",
            url="ws://a/?token=t",
            routed_to="ws://127.0.0.1/",
            duration_ns=2_000_000,
        ),
        Level.INFO,
        "socket c1 opened to ws://a/?token=••••••, routed to ws://127.0.0.1/ in 2.00 ms",
    ),
    (
        SocketFrame(time_ns=0, plugin=LYRE, connection_id="c1", is_sent=True, kind=FrameKind.TEXT, size_bytes=12),
        Level.DEBUG,
        "socket c1 sent a text frame, 12 B",
    ),
    (
        SocketFrame(
            time_ns=0,
            plugin=LYRE,
            connection_id="c1",
            is_sent=False,
            kind=FrameKind.BINARY,
            size_bytes=2048,
            is_injected=True,
        ),
        Level.DEBUG,
        "socket c1 injected a binary frame, 2.00 KiB",
    ),
    (
        SocketClosed(
            time_ns=0, plugin=LYRE, connection_id="c1", end=SocketEnd.BROKEN, code=1006, reason="", error="silence"
        ),
        Level.WARNING,
        "socket c1 closed (broken, code 1006): silence",
    ),
    (
        SocketClosed(
            time_ns=0,
            plugin=LYRE,
            connection_id="c1",
            end=SocketEnd.SERVER,
            code=1000,
            reason="bye",
            note="not restored",
        ),
        Level.INFO,
        "socket c1 closed (server, code 1000): bye — not restored",
    ),
]


@pytest.mark.parametrize(("event", "level", "text"), CASES, ids=lambda value: type(value).__name__)
def test_each_event_has_its_words(event: Event, level: Level, text: str) -> None:
    assert describe(event) == (level, text)
    assert level_of(event) == level


def test_no_kind_of_event_is_without_words() -> None:
    described = {type(event) for event, _, _ in CASES}
    abstract = {Event, engine.events.PluginEvent}
    modules = (engine.events, workbench.devloop.events)
    kinds = {
        kind
        for module in modules
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Event) and kind not in abstract
    }
    assert kinds - described == set()


def test_an_unknown_kind_of_event_is_named() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class MoonRose(Event):
        pass

    assert describe(MoonRose(time_ns=0)) == (Level.INFO, "MoonRose")


def test_a_place_that_the_text_names_already_is_not_named_again() -> None:
    place = Place(file=Path("/p/lib.rs"), line=3)
    for summary, text in (("odd", "odd (/p/lib.rs:3)"), ("odd at /p/lib.rs:3", "odd at /p/lib.rs:3")):
        assert describe(PluginWarned(time_ns=0, plugin=LYRE, summary=summary, place=place))[1] == text


def test_secrets_are_hidden_unless_asked_for() -> None:
    event = facts.wrote("login with token=abc")
    assert describe(event)[1] == "login with token=••••••"
    assert describe(event, reveal=True)[1] == "login with token=abc"


def test_what_every_call_does_is_not_logged_unless_it_went_wrong() -> None:
    assert not any(is_logged(event) for event in facts.whole_call(1, host_calls=[HOST_CALL]))
    assert not is_logged(facts.finished(facts.result(1, outcome=Outcome.NOT_FOUND)))
    assert is_logged(facts.finished(facts.result(1, outcome=Outcome.TIMEOUT)))
    assert is_logged(facts.wrote("x"))


def test_levels_are_ordered_and_events_know_their_plugin() -> None:
    assert is_at_least(Level.ERROR, Level.WARNING)
    assert not is_at_least(Level.INFO, Level.WARNING)
    assert plugin_of(facts.wrote("x")) == "lyre"
    assert plugin_of(EngineClosed(time_ns=0)) is None
