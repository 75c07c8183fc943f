"""Schedules of real modules through the whole engine: a guest asks, the clock moves, the guest is called back."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from engine import Outcome, PluginState, VirtualClock
from engine.contracts.api_pb2 import SchedulerCallbackRequest
from engine.contracts.host.scheduler_pb2 import CancelRequest, ScheduleOneTimeRequest, ScheduleRecurringRequest
from engine.errors import EngineClosed
from engine.events import CallFinished, CallStarted, ScheduleCancelled, ScheduleEnd, ScheduleFinished
from tests.engine.guests import POLL_ONEOFF, host_import, plugin_wat, sleep
from tests.engine.harness import PluginHarness, manifest_of
from tests.waiting import wait_until

MBID = "metadata_agent_get_artist_mbid"
METHOD = "MetadataAgent.GetArtistMBID"
ON_INIT = "lifecycle_management_on_init"
CALLBACK = "scheduler_callback_on_scheduler_callback"
CAPABILITIES = ("MetadataAgent", "SchedulerCallback")
REQUEST_AT = 8192
"""Where a request to the scheduler stands in a guest's memory."""

Request = ScheduleOneTimeRequest | ScheduleRecurringRequest | CancelRequest


def asking(request: Request, *, at: int = REQUEST_AT) -> tuple[str, str]:
    """A statement that calls the scheduler with a fixed request, and the data it needs."""
    names = {
        ScheduleOneTimeRequest: "schedule_one_time",
        ScheduleRecurringRequest: "schedule_recurring",
        CancelRequest: "cancel_schedule",
    }
    raw = request.SerializeToString()
    escaped = "".join(f"\\{byte:02x}" for byte in raw)
    return (
        f"(drop (call ${names[type(request)]} (i32.const {at}) (i32.const {len(raw)})))",
        f'(data (i32.const {at}) "{escaped}")',
    )


IMPORTS = "".join(host_import(name) for name in ("schedule_one_time", "schedule_recurring", "cancel_schedule"))


def scheduling(
    request: Request,
    *,
    callback: str = "(i64.const 0)",
    fields: str = "",
    imports: str = "",
    on_init: bool = False,
    init_end: str = "(i64.const 0)",
) -> str:
    """A plugin that asks the scheduler in GetArtistMBID, or in OnInit, and does `callback` when called back."""
    ask, data = asking(request)
    bodies = {CALLBACK: callback, MBID: f"{ask} (i64.const 0)"}
    capabilities: Sequence[str] = CAPABILITIES
    if on_init:
        bodies = {CALLBACK: callback, MBID: "(i64.const 0)", ON_INIT: f"{ask} {init_end}"}
        capabilities = (*CAPABILITIES, "LifecycleManagement")
    return plugin_wat(bodies, capabilities=capabilities, imports=IMPORTS + imports, fields=data + fields)


def write(harness: PluginHarness, wat: str, *, folder: str = "probe", on_init: bool = False, **members: str) -> None:
    capabilities = (*CAPABILITIES, "LifecycleManagement") if on_init else CAPABILITIES
    permissions = {"scheduler": {"reason": "tests"}}
    harness.write(wat, folder=folder, manifest=manifest_of(folder, capabilities, permissions=permissions, **members))


def callbacks(harness: PluginHarness) -> list[CallFinished]:
    return [event for event in harness.of(CallFinished) if event.result.method.startswith("SchedulerCallback.")]


async def test_a_guest_is_called_back_on_time_with_what_it_left(harness: PluginHarness) -> None:
    write(harness, scheduling(ScheduleOneTimeRequest(delay_seconds=3600, payload=b"\x00\xff", schedule_id="job")))
    clock = VirtualClock()
    async with harness.engine(clock=clock) as engine:
        assert (await engine.call("probe", METHOD)).ok
        [listed] = engine.schedules.list("probe")
        assert (listed.schedule_id, listed.next_ns) == ("job", clock.now_ns() + 3600 * 10**9)
        await clock.advance(3600)
        assert engine.schedules.list() == ()
    [event] = callbacks(harness)
    assert event.result.ok
    assert event.result.cause == "schedule job"
    assert event.result.request == SchedulerCallbackRequest(schedule_id="job", payload=b"\x00\xff")


async def test_a_week_of_an_hourly_schedule_takes_no_time(harness: PluginHarness) -> None:
    write(harness, scheduling(ScheduleRecurringRequest(cron_expression="@hourly", schedule_id="job")))
    clock = VirtualClock()
    async with harness.engine(clock=clock) as engine:
        assert (await engine.call("probe", METHOD)).ok
        await clock.advance(7 * 24 * 3600)
    starts = [event.time_ns for event in harness.of(CallStarted) if event.method.startswith("SchedulerCallback.")]
    assert len(starts) == 168
    assert {later - sooner for sooner, later in pairwise(starts)} == {3600 * 10**9}
    assert {event.result.outcome for event in callbacks(harness)} == {Outcome.OK}


async def test_a_bad_text_traps_the_guest_with_navidromes_words(harness: PluginHarness) -> None:
    write(harness, scheduling(ScheduleRecurringRequest(cron_expression="* * * * 7", schedule_id="job")))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    assert result.outcome is Outcome.TRAP
    assert result.error is not None
    assert "failed to schedule recurring job: " in result.error
    assert result.host_calls[0].is_trap


async def test_a_failing_callback_is_reported_and_the_schedule_stays(harness: PluginHarness) -> None:
    request = ScheduleRecurringRequest(cron_expression="@every 10s", schedule_id="job")
    write(harness, scheduling(request, callback="(unreachable)"))
    clock = VirtualClock()
    async with harness.engine(clock=clock) as engine:
        await engine.call("probe", METHOD)
        await clock.advance(20)
        assert [item.runs for item in engine.schedules.list()] == [2]
    assert [event.outcome for event in harness.of(ScheduleFinished)] == [Outcome.TRAP, Outcome.TRAP]


async def test_an_undeclared_callback_drops_a_one_time_schedule(harness: PluginHarness) -> None:
    ask, data = asking(ScheduleOneTimeRequest(delay_seconds=1, schedule_id="job"))
    wat = plugin_wat({MBID: f"{ask} (i64.const 0)"}, imports=IMPORTS, fields=data)
    harness.write(wat, manifest=manifest_of("probe", permissions={"scheduler": {"reason": "tests"}}))
    clock = VirtualClock()
    async with harness.engine(clock=clock) as engine:
        await engine.call("probe", METHOD)
        await clock.advance(1)
        assert engine.schedules.list() == ()
    [finished] = harness.of(ScheduleFinished)
    assert finished.outcome is Outcome.LOAD_FAILED
    assert finished.error == "plugin adapter not registered: probe, capability: SchedulerCallback"


async def test_a_callback_may_schedule_itself_again_under_its_own_id(harness: PluginHarness) -> None:
    request = ScheduleOneTimeRequest(delay_seconds=60, schedule_id="job")
    ask, _ = asking(request)
    write(harness, scheduling(request, callback=f"{ask} (i64.const 0)"))
    clock = VirtualClock()
    async with harness.engine(clock=clock) as engine:
        await engine.call("probe", METHOD)
        await clock.advance(600)
    assert len(callbacks(harness)) == 10


async def test_a_callback_that_sleeps_lets_its_own_next_ticks_pass(harness: PluginHarness) -> None:
    nap, data = sleep(25)
    request = ScheduleRecurringRequest(cron_expression="@every 10s", schedule_id="job")
    write(harness, scheduling(request, callback=f"{nap} (i64.const 0)", fields=data, imports=POLL_ONEOFF))
    clock = VirtualClock()
    async with harness.engine(clock=clock) as engine:
        await engine.call("probe", METHOD)
        await clock.advance(10)
        await clock.advance(0)
        assert [item.is_running for item in engine.schedules.list()] == [False]
        assert len(callbacks(harness)) <= 2


async def test_schedules_survive_a_reload_and_call_the_new_version(harness: PluginHarness) -> None:
    request = ScheduleRecurringRequest(cron_expression="@every 60s", schedule_id="job")
    write(harness, scheduling(request))
    clock = VirtualClock()
    async with harness.engine(clock=clock) as engine:
        await engine.call("probe", METHOD)
        write(harness, scheduling(request, fields='(func (export "extra"))'), version="1.1.0")
        assert (await engine.refresh("probe")).state is PluginState.READY
        await clock.advance(60)
    assert [event.result.version for event in callbacks(harness)] == ["1.1.0"]


async def test_a_removed_plugin_is_not_called_back(harness: PluginHarness) -> None:
    write(harness, scheduling(ScheduleRecurringRequest(cron_expression="@every 60s", schedule_id="job")))
    clock = VirtualClock()
    async with harness.engine(clock=clock) as engine:
        await engine.call("probe", METHOD)
        folder = harness.folder / "probe"
        (folder / "plugin.wasm").unlink()
        (folder / "manifest.json").unlink()
        folder.rmdir()
        await engine.scan()
        await clock.advance(600)
        assert engine.schedules.list() == ()
    assert callbacks(harness) == []
    assert [event.end for event in harness.of(ScheduleCancelled)] == [ScheduleEnd.REMOVED]


async def test_what_on_init_schedules_at_once_comes_after_it_on_the_new_version(harness: PluginHarness) -> None:
    request = ScheduleOneTimeRequest(delay_seconds=0, schedule_id="job")
    clock = VirtualClock()
    write(harness, scheduling(request, on_init=True), on_init=True)
    async with harness.engine(clock=clock) as engine:
        await engine.ready("probe")
        await clock.advance(1)
        write(harness, scheduling(request, on_init=True), on_init=True, version="1.1.0")
        await engine.refresh("probe")
        await clock.advance(1)
    assert [event.result.version for event in callbacks(harness)] == ["1.0.0", "1.1.0"]


async def test_a_refused_reload_takes_back_its_own_schedules_and_keeps_the_old_ones(harness: PluginHarness) -> None:
    old = ScheduleRecurringRequest(cron_expression="@every 60s", schedule_id="old")
    new = ScheduleRecurringRequest(cron_expression="@every 60s", schedule_id="new")
    clock = VirtualClock()
    write(harness, scheduling(old, on_init=True), on_init=True)
    async with harness.engine(clock=clock) as engine:
        await engine.ready("probe")
        write(harness, scheduling(new, on_init=True, init_end="(unreachable)"), on_init=True, version="1.1.0")
        assert (await engine.refresh("probe")).state is PluginState.STALE
        assert [item.schedule_id for item in engine.schedules.list()] == ["old"]
        write(harness, scheduling(new, on_init=True), on_init=True, version="1.2.0")
        assert (await engine.refresh("probe")).state is PluginState.READY
        assert [item.schedule_id for item in engine.schedules.list()] == ["new"]
        await clock.advance(60)
    assert [event.schedule_id for event in harness.of(ScheduleFinished)] == ["new"]


async def test_a_refused_first_load_leaves_no_schedule(harness: PluginHarness) -> None:
    request = ScheduleRecurringRequest(cron_expression="@every 60s", schedule_id="job")
    write(harness, scheduling(request, on_init=True, init_end="(unreachable)"), on_init=True)
    async with harness.engine(clock=VirtualClock()) as engine:
        assert (await engine.ready("probe")).state is PluginState.FAILED
        assert engine.schedules.list() == ()


async def test_closing_ends_a_callback_under_way_and_fires_no_more(harness: PluginHarness) -> None:
    nap, data = sleep(60)
    request = ScheduleOneTimeRequest(delay_seconds=0, schedule_id="job")
    write(harness, scheduling(request, callback=f"{nap} (i64.const 0)", fields=data, imports=POLL_ONEOFF))
    async with asyncio.timeout(30), harness.engine() as engine:
        await engine.call("probe", METHOD)
        begun = "SchedulerCallback.OnSchedulerCallback"
        await asyncio.to_thread(
            wait_until, lambda: begun in [event.method for event in harness.of(CallStarted)], what="the callback"
        )
    assert [event.result.outcome for event in callbacks(harness)] == [Outcome.CANCELLED]
    with pytest.raises(EngineClosed):
        engine.schedules.list()


async def test_two_plugins_get_each_of_many_callbacks_exactly_once(harness: PluginHarness) -> None:
    """A seeded share of the long run; `SOAK_CALLBACKS` sets how many callbacks each plugin gets."""
    count = int(os.environ.get("SOAK_CALLBACKS", "300"))
    seed = random.Random(20260310)
    recurring = ScheduleRecurringRequest(cron_expression="@every 7s", schedule_id="job")
    chained = ScheduleOneTimeRequest(delay_seconds=seed.randint(2, 9), schedule_id="chain")
    again, _ = asking(chained)
    write(harness, scheduling(recurring), folder="ticker")
    write(harness, scheduling(chained, callback=f"{again} (i64.const 0)"), folder="chain")
    clock = VirtualClock()
    async with harness.engine(clock=clock) as engine:
        for name in ("ticker", "chain"):
            assert (await engine.call(name, METHOD)).ok
        left_s = count * 7
        while left_s:
            step_s = min(left_s, seed.randint(1, 500))
            await clock.advance(step_s)
            left_s -= step_s
    told = Counter(event.plugin for event in callbacks(harness))
    assert told == {"ticker": count, "chain": count * 7 // chained.delay_seconds}
    assert {event.result.outcome for event in callbacks(harness)} == {Outcome.OK}
    for name in told:
        due = [event.time_ns for event in harness.of(CallStarted) if event.plugin == name and event.cause]
        assert len(due) == len(set(due))


async def test_an_engine_that_closes_takes_no_call_of_a_timer_any_more(harness: PluginHarness) -> None:
    # Each callback asks for the next one at once: without an end it would never stop.
    request = ScheduleOneTimeRequest(delay_seconds=0, schedule_id="job")
    ask, _ = asking(request)
    write(harness, scheduling(request, callback=f"{ask} (i64.const 0)"))
    async with asyncio.timeout(30):
        async with harness.engine() as engine:
            await engine.call("probe", METHOD)
            await asyncio.to_thread(wait_until, lambda: len(callbacks(harness)) > 5, what="some callbacks")
    assert len(harness.of(CallStarted)) == len(harness.of(CallFinished))
