"""What happens to a schedule over time: its timer, its turn, its callback, its next time (spec behaviour section 7).

Everything runs on the engine's loop unless it says otherwise; guest code has threads of its own behind `Host.deliver`.
"""

from __future__ import annotations

import asyncio

from engine.calls import CallId, Outcome, PluginId
from engine.contracts.api_pb2 import SchedulerCallbackRequest
from engine.errors import UnknownPlugin
from engine.events import (
    ScheduleCancelled,
    ScheduleEnd,
    ScheduleFinished,
    ScheduleFired,
    SchedulePaused,
    ScheduleSkipped,
)
from engine.host.base import Host
from engine.host.cron import CronSchedule
from engine.host.local_zone import moment_of, ns_of
from engine.host.schedules import Schedule, ScheduleTable

_CALLBACK = "SchedulerCallback.OnSchedulerCallback"


def next_time_ns(cron: CronSchedule, now_ns: int) -> int | None:
    """The first wall time after now at which a recurring schedule is due; None when there is none in sight."""
    found = cron.next_after(moment_of(now_ns))
    return None if found is None else ns_of(found)


class ScheduleRunner:
    """Keeps a timer for each schedule of the table and calls the plugin back when it is due."""

    def __init__(self, table: ScheduleTable, host: Host, *, callbacks: int) -> None:
        """At most `callbacks` of one plugin are under way at a time; further ones wait, and stay in the table."""
        self._table = table
        self._host = host
        self._callbacks = callbacks
        self._turns: dict[PluginId, asyncio.Semaphore] = {}

    def arm(self, schedule: Schedule) -> None:
        """Set the timer for the schedule's next time, unless it has one, is paused, held, gone, or never due."""
        is_waiting = schedule.is_held or schedule.is_paused or (schedule.is_running and not schedule.is_recurring)
        if schedule.timer is None and not is_waiting and schedule.next_ns is not None and self._table.holds(schedule):
            schedule.timer = self._host.clock.call_at(schedule.next_ns, lambda: self._due(schedule))

    def disarm(self, schedule: Schedule) -> None:
        """Take the timer away."""
        if schedule.timer is not None:
            schedule.timer.cancel()
            schedule.timer = None

    def fire(self, schedule: Schedule) -> bool:
        """Call back now, whatever the time; false when the schedule is gone or a callback of it is under way."""
        if schedule.is_running or schedule.is_held or not self._table.holds(schedule):
            return False
        self._begin(schedule, self._host.clock.now_ns(), is_manual=True)
        return True

    def pause(self, schedule: Schedule, *, is_paused: bool) -> None:
        """Let a schedule rest, or go on."""
        if schedule.is_paused == is_paused:
            return
        schedule.is_paused = is_paused
        if is_paused:
            self.disarm(schedule)
        else:
            self._reckon(schedule)
            self.arm(schedule)
        self._host.bus.publish(
            SchedulePaused(
                time_ns=self._host.clock.now_ns(),
                plugin=schedule.plugin,
                schedule_id=schedule.schedule_id,
                is_paused=is_paused,
                next_ns=None if is_paused else schedule.next_ns,
            )
        )

    def drop(self, schedule: Schedule, end: ScheduleEnd, *, note: str | None = None) -> bool:
        """Take a schedule out of the table and say so; false when it has gone already. Any thread."""
        if not self._table.take(schedule):
            return False
        self.dropped(schedule, end, note=note)
        return True

    def dropped(self, schedule: Schedule, end: ScheduleEnd, *, note: str | None = None) -> None:
        """A schedule is out of the table, and so for good: its timer goes when the loop has time. Any thread."""
        self._host.loop.call_soon_threadsafe(self.disarm, schedule)
        self._host.bus.publish(
            ScheduleCancelled(
                time_ns=self._host.clock.now_ns(),
                plugin=schedule.plugin,
                schedule_id=schedule.schedule_id,
                end=end,
                note=note,
            )
        )

    def forget(self, plugin: PluginId) -> None:
        """The plugin is gone."""
        self._turns.pop(plugin, None)

    # --- when the time has come

    def _due(self, schedule: Schedule) -> asyncio.Future[None] | None:
        """The timer went off; answers the callback's task, if there is one."""
        schedule.timer = None
        due_ns, now_ns = schedule.next_ns, self._host.clock.now_ns()
        if due_ns is None or not self._table.holds(schedule):
            return None
        if now_ns < due_ns:  # the wall clock was set back
            self._reckon(schedule)
            self.arm(schedule)
            return None
        if not schedule.is_recurring:
            return self._begin(schedule, due_ns)
        # From now, not from when it was due: after the machine slept there is one run and no catching up.
        self._reckon(schedule)
        self.arm(schedule)
        if not schedule.is_running:
            return self._begin(schedule, due_ns)
        schedule.skipped += 1
        self._host.bus.publish(
            ScheduleSkipped(time_ns=now_ns, plugin=schedule.plugin, schedule_id=schedule.schedule_id, due_ns=due_ns)
        )
        return None

    def _reckon(self, schedule: Schedule) -> None:
        """Find the next time anew."""
        clock = self._host.clock
        if schedule.cron is None:
            schedule.next_ns = clock.now_ns() + max(0, schedule.due_monotonic_ns - clock.monotonic_ns())
        else:
            schedule.next_ns = next_time_ns(schedule.cron, clock.now_ns())

    def _begin(self, schedule: Schedule, due_ns: int, *, is_manual: bool = False) -> asyncio.Future[None]:
        if not schedule.is_recurring:
            self.disarm(schedule)
        schedule.is_running = True
        name = f"schedule {schedule.schedule_id!r} of {schedule.plugin}"
        return self._host.spawn(name, self._run(schedule, due_ns, is_manual=is_manual))

    async def _run(self, schedule: Schedule, due_ns: int, *, is_manual: bool) -> None:
        turns = self._turns.setdefault(schedule.plugin, asyncio.Semaphore(self._callbacks))
        try:
            async with turns:
                if self._may_run(schedule, is_manual=is_manual):
                    await self._call_back(schedule, due_ns, is_manual=is_manual)
        finally:
            schedule.is_running = False

    def _may_run(self, schedule: Schedule, *, is_manual: bool) -> bool:
        """Whether it is still wanted now that its turn has come.

        A one-time schedule leaves the table here, just before its callback, so that this may use its id again.
        """
        if schedule.is_paused and not is_manual:
            return False
        return self._table.holds(schedule) if schedule.is_recurring else self._table.take(schedule)

    async def _call_back(self, schedule: Schedule, due_ns: int, *, is_manual: bool) -> None:
        clock, bus = self._host.clock, self._host.bus
        plugin, schedule_id, is_recurring = schedule.plugin, schedule.schedule_id, schedule.is_recurring
        schedule.runs += 1
        bus.publish(
            ScheduleFired(
                time_ns=clock.now_ns(),
                plugin=plugin,
                schedule_id=schedule_id,
                is_recurring=is_recurring,
                due_ns=due_ns,
                is_manual=is_manual,
            )
        )
        request = SchedulerCallbackRequest(schedule_id=schedule_id, payload=schedule.payload, is_recurring=is_recurring)
        call_id: CallId | None = None
        try:
            result = await self._host.deliver(plugin, _CALLBACK, request, cause=f"schedule {schedule_id}")
            call_id, outcome, error = result.call_id, result.outcome, result.error
        except UnknownPlugin as gone:
            outcome, error = Outcome.LOAD_FAILED, gone.summary
        schedule.last_outcome = outcome
        bus.publish(
            ScheduleFinished(
                time_ns=clock.now_ns(),
                plugin=plugin,
                schedule_id=schedule_id,
                is_recurring=is_recurring,
                call_id=call_id,
                outcome=outcome,
                error=error,
            )
        )
