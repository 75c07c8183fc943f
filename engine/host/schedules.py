"""Which plugin has which schedules: the records, and the table that keeps them by plugin and id.

The table may be used from any thread. What happens to a record over time is `schedule_runner.py`'s affair.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from engine.calls import Outcome, PluginId
from engine.clock import Timer
from engine.errors import QuotaExceeded
from engine.host.cron import CronSchedule
from engine.settings import Limits

RECORD_BYTES: Final = 512
"""What a schedule is counted besides its texts and payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleInfo:
    """A schedule as it stands, for the outside."""

    plugin: PluginId
    schedule_id: str
    cron: str | None
    """The text of a recurring schedule; None for a one-time one."""
    next_ns: int | None
    """Wall time at which it is due; None when it is paused or never will be."""
    payload: bytes
    created_ns: int
    runs: int
    """Callbacks begun so far."""
    skipped: int
    """Times at which the previous run still lasted."""
    is_running: bool
    """A callback is under way, or due and waiting for its turn."""
    is_paused: bool
    last_outcome: Outcome | None
    """What became of the last callback that ended."""


@dataclass(slots=True, kw_only=True, eq=False)
class Schedule:
    """A schedule over its life. The first fields never change; the rest belongs to the engine's loop."""

    plugin: PluginId
    schedule_id: str
    cron: CronSchedule | None
    payload: bytes
    created_ns: int
    due_monotonic_ns: int
    """Of a one-time schedule: when it is due, whatever becomes of the wall clock."""
    made_by_init: int | None
    """The generation whose OnInit made it, run because of a load."""
    has_replaced: bool = False
    """It took the id of another schedule."""

    next_ns: int | None
    is_held: bool
    """Its OnInit still runs: nothing happens before that has ended."""
    is_running: bool = False
    is_paused: bool = False
    runs: int = 0
    skipped: int = 0
    last_outcome: Outcome | None = None
    timer: Timer | None = None

    @property
    def is_recurring(self) -> bool:
        return self.cron is not None

    @property
    def size_bytes(self) -> int:
        """What it counts against the plugin's limit."""
        cron_characters = 0 if self.cron is None else len(self.cron.text)
        return RECORD_BYTES + 4 * (len(self.schedule_id) + cron_characters) + len(self.payload)

    def info(self) -> ScheduleInfo:
        """A snapshot for the outside."""
        return ScheduleInfo(
            plugin=self.plugin,
            schedule_id=self.schedule_id,
            cron=None if self.cron is None else self.cron.text,
            next_ns=None if self.is_paused else self.next_ns,
            payload=self.payload,
            created_ns=self.created_ns,
            runs=self.runs,
            skipped=self.skipped,
            is_running=self.is_running,
            is_paused=self.is_paused,
            last_outcome=self.last_outcome,
        )


class ScheduleTable:
    """All schedules by plugin, then by id: whatever stands in an id, it is nobody else's."""

    def __init__(self, limits: Limits) -> None:
        """Each plugin may have `limits.schedules` schedules of together `limits.schedule_bytes`."""
        self._limits = limits
        self._lock = threading.Lock()
        self._plugins: dict[PluginId, dict[str, Schedule]] = {}
        self._used_bytes: dict[PluginId, int] = {}

    def put(self, schedule: Schedule) -> Schedule | None:
        """Keep a schedule and answer the one whose id it took.

        Raises `QuotaExceeded`, and nothing has changed, when the plugin has too many.
        """
        with self._lock:
            own = self._plugins.get(schedule.plugin, {})
            old = own.get(schedule.schedule_id)
            if old is None and len(own) >= self._limits.schedules:
                raise QuotaExceeded(
                    f"the plugin has {len(own)} schedules already (Schedules in [Workbench.Limits])",
                    hint="Cancel some, or give them ids: a schedule replaces the one of the same id.",
                    plugin=schedule.plugin,
                )
            freed_bytes = 0 if old is None else old.size_bytes
            used_bytes = self._used_bytes.get(schedule.plugin, 0) - freed_bytes + schedule.size_bytes
            if used_bytes > self._limits.schedule_bytes:
                raise QuotaExceeded(
                    f"the plugin's schedules would take more than {self._limits.schedule_bytes} bytes "
                    "(ScheduleBytes in [Workbench.Limits])",
                    hint="Keep large data in the cache service and its key in the payload.",
                    plugin=schedule.plugin,
                )
            schedule.has_replaced = old is not None
            own.pop(schedule.schedule_id, None)  # it goes to the end
            self._plugins.setdefault(schedule.plugin, own)[schedule.schedule_id] = schedule
            self._used_bytes[schedule.plugin] = used_bytes
            return old

    def find(self, plugin: PluginId, schedule_id: str) -> Schedule | None:
        """The schedule of this id."""
        with self._lock:
            return self._plugins.get(plugin, {}).get(schedule_id)

    def holds(self, schedule: Schedule) -> bool:
        """Whether this very schedule is still kept: not cancelled, replaced or done."""
        return self.find(schedule.plugin, schedule.schedule_id) is schedule

    def take(self, schedule: Schedule) -> bool:
        """Drop this very schedule; false when it is gone already."""
        with self._lock:
            own = self._plugins.get(schedule.plugin, {})
            if own.get(schedule.schedule_id) is not schedule:
                return False
            del own[schedule.schedule_id]
            self._used_bytes[schedule.plugin] -= schedule.size_bytes
            if not own:
                del self._plugins[schedule.plugin], self._used_bytes[schedule.plugin]
            return True

    def all(self, plugin: PluginId | None = None) -> list[Schedule]:
        """The schedules of one plugin or of all, in the order they were made."""
        with self._lock:
            tables = list(self._plugins.values()) if plugin is None else [self._plugins.get(plugin, {})]
            return [schedule for own in tables for schedule in own.values()]
