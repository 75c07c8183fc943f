"""The scheduler service on a clock that the test moves, with a plugin that records its callbacks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.calls import Outcome, PluginId
from engine.clock import SystemClock, VirtualClock
from engine.contracts.api_pb2 import SchedulerCallbackRequest
from engine.contracts.host.scheduler_pb2 import (
    CancelRequest,
    CancelResponse,
    ScheduleOneTimeRequest,
    ScheduleRecurringRequest,
    TimeNowRequest,
)
from engine.errors import InvalidRequest
from engine.events import (
    ScheduleCancelled,
    ScheduleCreated,
    ScheduleEnd,
    ScheduleFinished,
    ScheduleFired,
    SchedulePaused,
    ScheduleSkipped,
)
from engine.host import HostTrap, SchedulerService
from engine.host.local_zone import LocalZone
from engine.host.schedules import RECORD_BYTES, ScheduleInfo
from engine.settings import Limits
from tests.engine.host.fake_host import Callback, FakeHost
from tests.engine.host.fake_scope import TEST_PLUGIN, FakeScope
from tests.waiting import wait_until

SECOND_NS = 1_000_000_000
START_NS = 1_767_225_600 * SECOND_NS
UTC_ZONE = LocalZone.of_machine({"TZ": "UTC"})


class Bench:
    """A service that is started on a virtual clock."""

    def __init__(self, limits: Limits | None = None, *, callbacks: int = 5, zone: LocalZone = UTC_ZONE) -> None:
        self.clock = VirtualClock(START_NS)
        self.host = FakeHost(clock=self.clock)
        self.service = SchedulerService(limits or Limits(), callbacks=callbacks, zone=zone)
        self.service.start(self.host)

    def once(self, delay_s: int, schedule_id: str = "job", payload: bytes = b"", scope: FakeScope | None = None) -> str:
        request = ScheduleOneTimeRequest(delay_seconds=delay_s, schedule_id=schedule_id, payload=payload)
        return self.service.schedule_one_time(request, scope or FakeScope()).schedule_id

    def every(self, cron: str, schedule_id: str = "job", payload: bytes = b"", scope: FakeScope | None = None) -> str:
        request = ScheduleRecurringRequest(cron_expression=cron, schedule_id=schedule_id, payload=payload)
        return self.service.schedule_recurring(request, scope or FakeScope()).schedule_id

    def cancel(self, schedule_id: str = "job", scope: FakeScope | None = None) -> CancelResponse:
        return self.service.cancel_schedule(CancelRequest(schedule_id=schedule_id), scope or FakeScope())

    def requests(self) -> list[SchedulerCallbackRequest]:
        return [item.request for item in self.host.callbacks if isinstance(item.request, SchedulerCallbackRequest)]

    def ids(self) -> list[str]:
        return [request.schedule_id for request in self.requests()]

    def fired_s(self) -> list[float]:
        """When callbacks began, in seconds from the start."""
        fired = [event for event in self.host.events if isinstance(event, ScheduleFired)]
        return [(event.time_ns - START_NS) / SECOND_NS for event in fired]

    def ends(self) -> list[tuple[str, ScheduleEnd, str | None]]:
        cancelled = [event for event in self.host.events if isinstance(event, ScheduleCancelled)]
        return [(event.schedule_id, event.end, event.note) for event in cancelled]

    def info(self, schedule_id: str = "job") -> ScheduleInfo:
        [found] = [item for item in self.service.schedules.list(TEST_PLUGIN) if item.schedule_id == schedule_id]
        return found

    async def settle(self) -> None:
        """Let the loop do what was handed to it, without any time passing."""
        await self.clock.advance(0)


@dataclass
class Gate:
    """Holds callbacks back until it is opened."""

    opened: asyncio.Event
    inside: int = 0
    most: int = 0

    async def __call__(self, callback: Callback) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.opened.wait()
        self.inside -= 1


def gate(bench: Bench) -> Gate:
    bench.host.behave = held = Gate(asyncio.Event())
    return held


# --- one-time


async def test_a_one_time_schedule_calls_back_once_with_its_id_and_its_payload_unchanged() -> None:
    bench = Bench()
    assert bench.once(60, "job:1", b"\x00\xff\x10") == "job:1"
    await bench.clock.advance(59)
    assert bench.host.callbacks == []
    await bench.clock.advance(3600)
    [callback] = bench.host.callbacks
    wanted = SchedulerCallbackRequest(schedule_id="job:1", payload=b"\x00\xff\x10", is_recurring=False)
    assert (callback.plugin, callback.method, callback.request) == (TEST_PLUGIN, "OnSchedulerCallback", wanted)
    assert callback.cause == "schedule job:1"
    assert bench.fired_s() == [60]
    assert bench.service.schedules.list() == ()


@pytest.mark.parametrize("delay_s", [0, -5, -(2**31)])
async def test_no_delay_fires_at_once(delay_s: int) -> None:
    bench = Bench()
    bench.once(delay_s)
    await bench.host.called(1)
    assert bench.fired_s() == [0]


async def test_an_empty_id_becomes_a_random_one_of_ten_characters() -> None:
    bench = Bench()
    made = {bench.once(5, ""), bench.every("@hourly", ""), bench.once(5, "")}
    assert len(made) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{10}", schedule_id) for schedule_id in made)
    assert {item.schedule_id for item in bench.service.schedules.list()} == made


async def test_a_random_id_that_is_taken_is_not_used() -> None:
    bench = Bench()
    ids = iter(["taken", "taken", "free"])
    service = SchedulerService(Limits(), callbacks=1, zone=UTC_ZONE, make_id=lambda: next(ids))
    service.start(bench.host)
    made = [service.schedule_one_time(ScheduleOneTimeRequest(delay_seconds=9), FakeScope()) for _ in range(2)]
    assert [answer.schedule_id for answer in made] == ["taken", "free"]


async def test_a_callback_may_use_its_own_id_again() -> None:
    bench = Bench()

    async def again(_callback: Callback) -> None:
        if len(bench.host.callbacks) < 4:
            bench.once(10)

    bench.host.behave = again
    bench.once(10)
    await bench.clock.advance(100)
    assert bench.fired_s() == [10, 20, 30, 40]
    assert bench.ends() == []


async def test_a_chain_of_callbacks_without_delay_lets_time_pass() -> None:
    bench = Bench()

    async def again(_callback: Callback) -> None:
        bench.once(0)

    bench.host.behave = again
    bench.once(1)
    await bench.clock.advance(1.1)
    assert 50 <= len(bench.host.callbacks) <= 110


async def test_a_delay_survives_a_wall_clock_that_is_set_back() -> None:
    wall_ns = START_NS

    def wall() -> int:
        return wall_ns

    host = FakeHost(clock=SystemClock(wall_ns=wall, recheck_s=0.01))
    service = SchedulerService(Limits(), callbacks=1, zone=UTC_ZONE)
    service.start(host)
    service.schedule_one_time(ScheduleOneTimeRequest(delay_seconds=3600, schedule_id="job"), FakeScope())
    request = ScheduleRecurringRequest(cron_expression="0 18 * * *", schedule_id="daily")
    service.schedule_recurring(request, FakeScope())
    await asyncio.sleep(0)
    wall_ns -= 12 * 3600 * SECOND_NS

    def waits_s() -> list[float]:
        due = [item.next_ns or 0 for item in service.schedules.list()]
        return [(due_ns - wall_ns) / SECOND_NS for due_ns in due]

    await asyncio.to_thread(wait_until, lambda: max(waits_s()) <= 6 * 3600, what="new times")
    one_time_s, daily_s = waits_s()
    assert 3590 < one_time_s <= 3600
    assert daily_s == 6 * 3600
    service.close()


# --- recurring


async def test_an_hourly_schedule_runs_through_a_week_without_waiting() -> None:
    bench = Bench()
    bench.every("0 * * * *", payload=b"p")
    await bench.clock.advance(7 * 24 * 3600)
    assert bench.fired_s() == [3600 * hour for hour in range(1, 7 * 24 + 1)]
    assert {(item.is_recurring, item.payload) for item in bench.requests()} == {(True, b"p")}
    assert bench.info().runs == 168


@pytest.mark.parametrize(
    ("cron", "fired"), [("*/20 * * * * *", [20, 40, 60]), ("@every 25s", [25, 50]), ("* * * * *", [60])]
)
async def test_each_kind_of_text_keeps_its_times(cron: str, fired: list[float]) -> None:
    bench = Bench()
    bench.every(cron)
    await bench.clock.advance(60)
    assert bench.fired_s() == fired


async def test_a_time_that_the_clocks_skip_in_spring_does_not_run() -> None:
    bench = Bench(zone=LocalZone(name="Europe/Berlin", zone=ZoneInfo("Europe/Berlin")))
    # 2026-03-29 goes from 02:00 to 03:00 local time.
    bench.clock.jump(86 * 24 * 3600)
    bench.every("30 2 * * *")
    await bench.clock.advance(3 * 24 * 3600)
    local = [bench.service.time_now(TimeNowRequest(), FakeScope()).rfc3339_nano]
    assert local == ["2026-03-31T02:00:00+02:00"]
    assert [seconds / 3600 % 24 for seconds in bench.fired_s()] == [1.5, 0.5]
    assert [seconds // (24 * 3600) for seconds in bench.fired_s()] == [86, 88]


async def test_after_the_machine_slept_there_is_one_run_and_no_catching_up() -> None:
    bench = Bench()
    bench.every("* * * * *")
    await bench.clock.advance(60)
    bench.clock.jump(10 * 3600 + 30)
    await bench.clock.advance(90)
    assert bench.fired_s() == [60, 36_090, 36_120, 36_180]


async def test_a_tick_is_skipped_while_the_previous_run_lasts() -> None:
    bench = Bench()
    held = gate(bench)
    bench.every("@every 10s")
    await bench.settle()
    for _ in range(3):
        bench.clock.jump(10)
        await asyncio.sleep(0.01)
    assert (bench.info().is_running, bench.info().runs, bench.info().skipped) == (True, 1, 2)
    held.opened.set()
    await bench.clock.advance(10)
    assert (bench.info().is_running, bench.info().runs) == (False, 2)
    assert held.most == 1
    assert len([event for event in bench.host.events if isinstance(event, ScheduleSkipped)]) == 2


@pytest.mark.parametrize("cron", ["", "* * * *", "@reboot", "60 * * * *", "TZ=Nowhere/Else * * * * *"])
async def test_a_bad_text_traps_and_leaves_the_old_schedule_alone(cron: str) -> None:
    bench = Bench()
    bench.every("@every 5s", payload=b"old")
    with pytest.raises(HostTrap, match=r"^failed to schedule recurring job: .+"):
        bench.every(cron, payload=b"new")
    await bench.clock.advance(5)
    assert [item.payload for item in bench.requests()] == [b"old"]


async def test_a_text_that_is_never_due_is_kept_and_says_so() -> None:
    bench, scope = Bench(), FakeScope()
    bench.every("0 0 31 2 *", scope=scope)
    await bench.clock.advance(400 * 24 * 3600)
    assert bench.host.callbacks == []
    assert bench.info().next_ns is None
    assert scope.notes == ["this schedule is never due"]


# --- ids, replacing, cancelling


@pytest.mark.parametrize("first", [Bench.once, Bench.every])
@pytest.mark.parametrize("second", [Bench.once, Bench.every])
async def test_the_same_id_again_replaces_whatever_kind_it_is(
    first: Callable[..., str], second: Callable[..., str]
) -> None:
    def delay(make: Callable[..., str]) -> Any:
        return 5 if make is Bench.once else "@every 5s"

    bench = Bench()
    first(bench, delay(first), payload=b"old")
    second(bench, delay(second), payload=b"new")
    await bench.clock.advance(5)
    assert [item.payload for item in bench.requests()] == [b"new"]
    assert bench.ends() == [("job", ScheduleEnd.REPLACED, None)]


async def test_a_timer_already_due_does_not_fire_what_replaced_its_schedule() -> None:
    bench = Bench()
    bench.once(5, payload=b"old")
    await bench.settle()
    bench.clock.jump(5)  # due now; the loop has not looked yet
    bench.once(60, payload=b"new")
    await bench.settle()
    assert bench.host.callbacks == []
    await bench.clock.advance(60)
    assert [item.payload for item in bench.requests()] == [b"new"]


async def test_two_plugins_may_use_one_id_whatever_stands_in_it() -> None:
    bench = Bench()
    first, second = FakeScope(plugin=PluginId("a")), FakeScope(plugin=PluginId("a:b"))
    bench.once(5, "b:c", b"first", first)
    bench.once(5, "c", b"second", second)
    bench.once(5, "b:c", b"third", second)
    assert bench.cancel("c", first).error == "schedule not found"
    await bench.clock.advance(5)
    told = sorted(
        (item.plugin, request.payload) for item, request in zip(bench.host.callbacks, bench.requests(), strict=True)
    )
    assert told == [("a", b"first"), ("a:b", b"second"), ("a:b", b"third")]


async def test_a_cancelled_schedule_does_not_run_and_cannot_be_cancelled_again() -> None:
    bench = Bench()
    bench.every("@every 5s")
    assert bench.cancel() == CancelResponse(success=True)
    assert bench.cancel() == CancelResponse(success=False, error="schedule not found")
    await bench.clock.advance(60)
    assert bench.host.callbacks == []
    assert bench.ends() == [("job", ScheduleEnd.PLUGIN, None)]


async def test_cancelling_does_not_interrupt_a_callback_under_way() -> None:
    bench = Bench()
    held = gate(bench)
    bench.every("@every 5s")
    await bench.settle()
    bench.clock.jump(5)
    await bench.host.called(1)
    assert bench.cancel().success
    held.opened.set()
    await bench.clock.advance(60)
    [finished] = [event for event in bench.host.events if isinstance(event, ScheduleFinished)]
    assert finished.outcome is Outcome.OK
    assert len(bench.host.callbacks) == 1


async def test_what_waits_for_its_turn_can_still_be_cancelled_and_nothing_else_is_lost() -> None:
    bench = Bench(callbacks=2)
    held = gate(bench)
    for number in range(10):
        bench.once(5, f"job-{number}")
    await bench.settle()
    bench.clock.jump(5)
    await bench.host.called(2)
    assert bench.cancel("job-7").success
    held.opened.set()
    await bench.settle()
    assert held.most == 2
    assert bench.ids() == [f"job-{number}" for number in range(10) if number != 7]


# --- limits


async def test_the_number_of_a_plugins_schedules_is_limited_but_not_their_replacing() -> None:
    bench = Bench(Limits(schedules=2))
    bench.once(5, "a")
    bench.once(5, "b")
    with pytest.raises(HostTrap, match=r"^failed to schedule one-time job: the plugin has 2 schedules already"):
        bench.once(5, "c")
    with pytest.raises(HostTrap, match=r"^failed to schedule recurring job: the plugin has 2 schedules already"):
        bench.every("@hourly", "c")
    bench.once(6, "b")
    bench.once(5, "c", scope=FakeScope(plugin=PluginId("other")))
    await bench.clock.advance(5)
    bench.once(5, "c")


async def test_the_size_of_a_plugins_schedules_is_limited() -> None:
    bench = Bench(Limits(schedule_bytes=2 * RECORD_BYTES + 1000))
    bench.once(5, "a", bytes(900))
    with pytest.raises(HostTrap, match="would take more than 2024 bytes"):
        bench.once(5, "b", bytes(900))
    bench.once(5, "a", bytes(100))
    bench.once(5, "b", bytes(800))
    await bench.clock.advance(5)
    bench.once(5, "c", bytes(900))


# --- from outside


async def test_schedules_are_listed_with_their_next_times() -> None:
    bench = Bench()
    bench.every("@hourly", "a", b"payload")
    bench.once(30, "b", scope=FakeScope(plugin=PluginId("other")))
    [first, second] = bench.service.schedules.list()
    assert (first.cron, first.payload, first.next_ns) == ("@hourly", b"payload", START_NS + 3600 * SECOND_NS)
    assert (second.plugin, second.cron, second.next_ns) == ("other", None, START_NS + 30 * SECOND_NS)
    assert bench.service.schedules.list("other") == (second,)
    await bench.clock.advance(3600)
    assert bench.info("a").next_ns == START_NS + 7200 * SECOND_NS
    assert bench.info("a").last_outcome is Outcome.OK


async def test_firing_by_hand_spends_a_one_time_schedule_and_leaves_a_recurring_one_its_times() -> None:
    bench = Bench()
    bench.once(100, "once")
    bench.every("@every 60s", "again")
    await bench.clock.advance(10)
    for schedule_id in ("once", "again"):
        bench.service.schedules.fire(TEST_PLUGIN, schedule_id)
    await bench.clock.advance(110)
    assert sorted(bench.ids()) == ["again", "again", "again", "once"]
    assert bench.fired_s() == [10, 10, 60, 120]
    assert [event.is_manual for event in bench.host.events if isinstance(event, ScheduleFired)] == [
        True,
        True,
        False,
        False,
    ]


async def test_firing_by_hand_does_not_overlap_a_run() -> None:
    bench = Bench()
    held = gate(bench)
    bench.every("@every 60s")
    bench.service.schedules.fire(TEST_PLUGIN, "job")
    await bench.host.called(1)
    with pytest.raises(InvalidRequest, match="running already"):
        bench.service.schedules.fire(TEST_PLUGIN, "job")
    held.opened.set()
    await bench.settle()


async def test_a_paused_schedule_rests_and_goes_on_at_its_next_time() -> None:
    bench = Bench()
    bench.every("@every 60s", "again")
    bench.once(90, "once")
    bench.once(500, "later")
    await bench.clock.advance(60)
    for schedule_id in ("again", "once", "later"):
        bench.service.schedules.pause(TEST_PLUGIN, schedule_id)
        bench.service.schedules.pause(TEST_PLUGIN, schedule_id)
    await bench.clock.advance(240)
    assert bench.ids() == ["again"]
    assert bench.info("once").is_paused
    assert bench.info("once").next_ns is None
    for schedule_id in ("again", "once", "later"):
        bench.service.schedules.resume(TEST_PLUGIN, schedule_id)
    await bench.clock.advance(300)
    assert list(zip(bench.ids(), bench.fired_s(), strict=True)) == [
        ("again", 60),
        ("once", 300),
        ("again", 360),
        ("again", 420),
        ("again", 480),
        ("later", 500),
        ("again", 540),
        ("again", 600),
    ]
    assert len([event for event in bench.host.events if isinstance(event, SchedulePaused)]) == 6


async def test_a_paused_schedule_can_be_fired_by_hand() -> None:
    bench = Bench()
    bench.once(5)
    bench.service.schedules.pause(TEST_PLUGIN, "job")
    bench.service.schedules.fire(TEST_PLUGIN, "job")
    await bench.clock.advance(0)
    assert bench.ids() == ["job"]


async def test_a_schedule_that_there_is_not_is_named_with_those_there_are() -> None:
    bench = Bench()
    bench.once(5, "known")
    schedules = bench.service.schedules
    for act in (schedules.fire, schedules.cancel, schedules.pause, schedules.resume):
        with pytest.raises(InvalidRequest, match="schedule not found: other") as caught:
            act(TEST_PLUGIN, "other")
        assert caught.value.hint is not None
        assert "known" in caught.value.hint
    schedules.cancel(TEST_PLUGIN, "known")
    assert bench.ends() == [("known", ScheduleEnd.USER, None)]


# --- the life of the plugin


def of_init(generation: int) -> FakeScope:
    return FakeScope(initialising=generation)


async def test_what_an_on_init_asks_for_waits_until_it_has_ended() -> None:
    bench = Bench()
    bench.once(0, "at once", scope=of_init(1))
    bench.every("@every 5s", "again", scope=of_init(1))
    await bench.clock.advance(12)
    assert bench.host.callbacks == []
    bench.service.init_finished(TEST_PLUGIN, 1, ok=True)
    await bench.clock.advance(5)
    assert list(zip(bench.ids(), bench.fired_s(), strict=True)) == [("at once", 12), ("again", 12), ("again", 17)]


async def test_a_good_on_init_drops_what_an_earlier_one_made_and_it_did_not() -> None:
    bench = Bench()
    bench.every("@hourly", "kept", b"1", of_init(1))
    bench.every("@hourly", "dropped", b"1", of_init(1))
    bench.every("@hourly", "of a call")
    bench.service.init_finished(TEST_PLUGIN, 1, ok=True)
    bench.every("@hourly", "kept", b"2", of_init(2))
    bench.service.init_finished(TEST_PLUGIN, 2, ok=True)
    left = {item.schedule_id: item.payload for item in bench.service.schedules.list()}
    assert left == {"kept": b"2", "of a call": b""}
    assert bench.ends() == [("kept", ScheduleEnd.REPLACED, None), ("dropped", ScheduleEnd.INIT, None)]


async def test_a_failed_on_init_takes_back_what_it_made_and_says_what_is_not_restored() -> None:
    bench = Bench()
    bench.every("@hourly", "old", scope=of_init(1))
    bench.every("@hourly", "replaced", scope=of_init(1))
    bench.service.init_finished(TEST_PLUGIN, 1, ok=True)
    bench.every("@hourly", "replaced", scope=of_init(2))
    bench.once(0, "new", scope=of_init(2))
    bench.service.init_finished(TEST_PLUGIN, 2, ok=False)
    await bench.clock.advance(60)
    assert [item.schedule_id for item in bench.service.schedules.list()] == ["old"]
    assert bench.host.callbacks == []
    assert bench.ends()[1:] == [
        ("replaced", ScheduleEnd.INIT, "the schedule of this id that it had replaced is not restored"),
        ("new", ScheduleEnd.INIT, None),
    ]


async def test_a_removed_plugin_leaves_no_schedule_behind() -> None:
    bench = Bench()
    other = FakeScope(plugin=PluginId("other"))
    bench.every("@every 5s")
    bench.once(5, "other", scope=other)
    bench.service.forget(TEST_PLUGIN)
    await bench.clock.advance(20)
    assert [item.plugin for item in bench.host.callbacks] == ["other"]
    assert bench.ends() == [("job", ScheduleEnd.REMOVED, None)]


async def test_a_missing_plugin_costs_the_one_time_schedule_and_keeps_the_recurring_one() -> None:
    bench = Bench()
    bench.host.removed.add(TEST_PLUGIN)
    bench.once(5, "once")
    bench.every("@every 5s", "again")
    await bench.clock.advance(5)
    finished = [event for event in bench.host.events if isinstance(event, ScheduleFinished)]
    assert {(event.schedule_id, event.outcome) for event in finished} == {
        ("once", Outcome.LOAD_FAILED),
        ("again", Outcome.LOAD_FAILED),
    }
    assert [item.schedule_id for item in bench.service.schedules.list()] == ["again"]


async def test_nothing_fires_after_the_service_is_closed() -> None:
    bench = Bench()
    bench.every("@every 5s")
    await bench.settle()
    bench.service.close()
    await bench.clock.advance(60)
    assert bench.host.callbacks == []


async def test_each_schedule_is_reported_when_it_is_made() -> None:
    bench = Bench()
    bench.every("@every 5s", "again", b"abc")
    bench.once(5, "once")
    made = [event for event in bench.host.events if isinstance(event, ScheduleCreated)]
    assert [(event.schedule_id, event.cron, event.payload_bytes) for event in made] == [
        ("again", "@every 5s", 3),
        ("once", None, 0),
    ]
    assert {event.next_ns for event in made} == {START_NS + 5 * SECOND_NS}


async def test_threads_may_make_and_cancel_schedules_together() -> None:
    bench = Bench(Limits(schedules=100))

    def work(name: str) -> int:
        for number in range(50):
            bench.once(60, f"{name}-{number}")
            bench.once(60, "shared")
            if number % 2:
                assert bench.cancel(f"{name}-{number}").success
        return 25

    await asyncio.gather(*(asyncio.to_thread(work, name) for name in "abc"))
    assert len(bench.service.schedules.list()) == 3 * 25 + 1
    await bench.clock.advance(60)
    assert len(bench.ids()) == len(set(bench.ids())) == 3 * 25 + 1
