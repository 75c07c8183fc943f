"""The scheduler service: calls a plugin back later, once or again and again (spec behaviour section 7).

Answers guests at once and from any thread; timers and callbacks are handed to the engine's loop.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.calls import PluginId
from engine.contracts.host.scheduler_pb2 import (
    CancelRequest,
    CancelResponse,
    ScheduleOneTimeRequest,
    ScheduleRecurringRequest,
    ScheduleResponse,
    TimeNowRequest,
    TimeNowResponse,
)
from engine.errors import QuotaExceeded
from engine.events import ScheduleCreated, ScheduleEnd
from engine.host.base import Host, HostScope, HostService, HostTrap
from engine.host.cron import CronError, CronSchedule, parse_cron
from engine.host.ids import random_id
from engine.host.local_zone import LocalZone
from engine.host.schedule_control import Schedules
from engine.host.schedule_runner import ScheduleRunner, next_time_ns
from engine.host.schedules import Schedule, ScheduleTable
from engine.settings import Limits

_SECOND_NS = 1_000_000_000
_NOT_RESTORED = "the schedule of this id that it had replaced is not restored"


class SchedulerService(HostService):
    """Keeps each plugin's schedules; they outlive a refresh of the plugin, not its removal, nor the engine."""

    service = "SchedulerService"

    def __init__(
        self,
        limits: Limits,
        *,
        callbacks: int,
        zone: LocalZone | None = None,
        make_id: Callable[[], str] = random_id,
    ) -> None:
        """`callbacks` is how many of one plugin may be under way at a time; `zone` is local time, by default the
        machine's; `make_id` gives the ids of schedules that have none."""
        self._callbacks = callbacks
        self._zone = zone or LocalZone.of_machine()
        self._make_id = make_id
        self._table = ScheduleTable(limits)
        self._host: Host
        self._runner: ScheduleRunner
        self.schedules: Schedules
        """The hands on them from outside; there once the service has started."""

    def start(self, host: Host) -> None:
        self._host = host
        self._runner = ScheduleRunner(self._table, host, callbacks=self._callbacks)
        self.schedules = Schedules(self._table, self._runner)

    # --- for guests, on their threads

    def schedule_one_time(self, request: ScheduleOneTimeRequest, scope: HostScope) -> ScheduleResponse:
        try:
            return self._keep(request.schedule_id, None, max(0, request.delay_seconds), request.payload, scope)
        except QuotaExceeded as error:
            raise HostTrap(f"failed to schedule one-time job: {error.summary}", hint=error.hint) from error

    def schedule_recurring(self, request: ScheduleRecurringRequest, scope: HostScope) -> ScheduleResponse:
        try:
            cron = parse_cron(request.cron_expression, self._zone.zone)
            return self._keep(request.schedule_id, cron, 0, request.payload, scope)
        except (CronError, QuotaExceeded) as error:
            raise HostTrap(f"failed to schedule recurring job: {error.summary}", hint=error.hint) from error

    def cancel_schedule(self, request: CancelRequest, scope: HostScope) -> CancelResponse:
        schedule = self._table.find(scope.plugin, request.schedule_id)
        if schedule is None or not self._runner.drop(schedule, ScheduleEnd.PLUGIN):
            return CancelResponse(error="schedule not found")
        return CancelResponse(success=True)

    def time_now(self, request: TimeNowRequest, scope: HostScope) -> TimeNowResponse:
        now_ns = self._host.clock.now_ns()
        return TimeNowResponse(
            rfc3339_nano=self._zone.rfc3339(now_ns), unix_milli=now_ns // 1_000_000, local_time_zone=self._zone.name
        )

    # --- the life of plugin and engine, on the loop

    def init_finished(self, plugin: PluginId, generation: int, *, ok: bool) -> None:
        for schedule in self._table.all(plugin):
            if schedule.made_by_init is None:
                continue
            is_of_this = schedule.made_by_init == generation
            if ok != is_of_this:
                note = _NOT_RESTORED if schedule.has_replaced and not ok else None
                self._runner.drop(schedule, ScheduleEnd.INIT, note=note)
            elif is_of_this:
                schedule.is_held = False
                self._runner.arm(schedule)

    def forget(self, plugin: PluginId) -> None:
        for schedule in self._table.all(plugin):
            self._runner.drop(schedule, ScheduleEnd.REMOVED)
        self._runner.forget(plugin)

    def close(self) -> None:
        for schedule in self._table.all():
            self._table.take(schedule)
            self._runner.disarm(schedule)

    # --- inside, on any thread

    def _keep(
        self, schedule_id: str, cron: CronSchedule | None, delay_s: int, payload: bytes, scope: HostScope
    ) -> ScheduleResponse:
        """Put a schedule into the table in place of one of the same id; raises `QuotaExceeded`."""
        clock = self._host.clock
        now_ns = clock.now_ns()
        schedule = Schedule(
            plugin=scope.plugin,
            schedule_id=schedule_id or self._free_id(scope.plugin),
            cron=cron,
            payload=payload,
            created_ns=now_ns,
            due_monotonic_ns=clock.monotonic_ns() + delay_s * _SECOND_NS,
            made_by_init=scope.initialising,
            next_ns=now_ns + delay_s * _SECOND_NS if cron is None else next_time_ns(cron, now_ns),
            is_held=scope.initialising is not None,
        )
        old = self._table.put(schedule)
        if old is not None:
            self._runner.dropped(old, ScheduleEnd.REPLACED)
        if schedule.next_ns is None:
            scope.note("this schedule is never due")
        self._host.bus.publish(
            ScheduleCreated(
                time_ns=now_ns,
                plugin=schedule.plugin,
                call_id=scope.call_id,
                schedule_id=schedule.schedule_id,
                cron=None if cron is None else cron.text,
                next_ns=schedule.next_ns,
                payload_bytes=len(payload),
            )
        )
        self._host.loop.call_soon_threadsafe(self._runner.arm, schedule)
        return ScheduleResponse(schedule_id=schedule.schedule_id)

    def _free_id(self, plugin: PluginId) -> str:
        while True:
            schedule_id = self._make_id()
            if self._table.find(plugin, schedule_id) is None:
                return schedule_id
