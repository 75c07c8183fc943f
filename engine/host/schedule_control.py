"""Schedules seen and handled from outside the plugin: the workbench's and a test's hands on them."""

from __future__ import annotations

from engine.calls import PluginId
from engine.errors import InvalidRequest
from engine.events import ScheduleEnd
from engine.host.schedule_runner import ScheduleRunner
from engine.host.schedules import Schedule, ScheduleInfo, ScheduleTable


class Schedules:
    """The schedules of all plugins, which are named by their id; belongs to the engine's loop.

    Every method but `list` raises `InvalidRequest` for a schedule that there is not.
    """

    def __init__(self, table: ScheduleTable, runner: ScheduleRunner) -> None:
        self._table = table
        self._runner = runner

    def list(self, plugin: str | None = None) -> tuple[ScheduleInfo, ...]:
        """The schedules of one plugin, by its id, or of all, each with its next time; in the order they were made."""
        found = self._table.all(None if plugin is None else PluginId(plugin))
        return tuple(schedule.info() for schedule in found)

    def fire(self, plugin: str, schedule_id: str) -> None:
        """Begin the callback now, paused or not; a one-time schedule is done with it, a recurring one keeps its times.

        Does not wait for the plugin. Raises `InvalidRequest` while a callback of the schedule is under way.
        """
        if not self._runner.fire(self._find(plugin, schedule_id)):
            raise InvalidRequest(
                f"schedule {schedule_id} is running already",
                hint="Wait for its callback to end; one schedule does not run twice at a time.",
                plugin=plugin,
            )

    def cancel(self, plugin: str, schedule_id: str) -> None:
        """Drop a schedule; a callback under way is not interrupted."""
        self._runner.drop(self._find(plugin, schedule_id), ScheduleEnd.USER)

    def pause(self, plugin: str, schedule_id: str) -> None:
        """Let a schedule rest until `resume`; one that takes its id is not paused."""
        self._runner.pause(self._find(plugin, schedule_id), is_paused=True)

    def resume(self, plugin: str, schedule_id: str) -> None:
        """Let a paused schedule go on: a one-time one that came due meanwhile fires at once, a recurring one at its
        next time."""
        self._runner.pause(self._find(plugin, schedule_id), is_paused=False)

    def _find(self, plugin: str, schedule_id: str) -> Schedule:
        schedule = self._table.find(PluginId(plugin), schedule_id)
        if schedule is None:
            known = ", ".join(item.schedule_id for item in self._table.all(PluginId(plugin))) or "none"
            raise InvalidRequest(
                f"schedule not found: {schedule_id}", hint=f"Schedules of {plugin}: {known}.", plugin=plugin
            )
        return schedule
