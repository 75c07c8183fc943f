"""Callbacks of schedules in virtual time: each at its instant, none lost, none doubled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine import Engine, VirtualClock
from engine.contracts.api_pb2 import SchedulerCallbackRequest
from engine.events import CallFinished, Event, ScheduleSkipped
from tests.soak.memory import MemoryCurve
from tests.soak.plugin import SCHEDULE

_SECOND_NS = 1_000_000_000
_SAMPLES = 20


@dataclass(slots=True)
class CallbackLedger:
    """Checks every callback as it ends, so that nothing has to be kept; subscribe it to the engine's bus."""

    periods_s: Mapping[tuple[str, str], int]
    """Seconds between the callbacks of each schedule, by plugin and id."""
    start_ns: int
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def record(self, event: Event) -> None:
        if isinstance(event, ScheduleSkipped):
            self.faults.append(f"{event.plugin}: {event.schedule_id} was skipped")
        if not isinstance(event, CallFinished) or not isinstance(event.result.request, SchedulerCallbackRequest):
            return
        key = (str(event.plugin), event.result.request.schedule_id)
        count = self.counts[key] = self.counts.get(key, 0) + 1
        late_ns = event.time_ns - self.start_ns - count * self.periods_s[key] * _SECOND_NS
        if late_ns != 0:
            self.faults.append(f"{key}: callback {count} came {late_ns / _SECOND_NS} s late")
        if not event.result.ok:
            self.faults.append(f"{key}: callback {count} ended with {event.result.outcome}: {event.result.error}")

    def settle(self, seconds: int) -> None:
        """Hold the counts against what `seconds` of virtual time must have brought."""
        for key, period_s in self.periods_s.items():
            if self.counts.get(key, 0) != seconds // period_s:
                self.faults.append(f"{key}: {self.counts.get(key, 0)} callbacks instead of {seconds // period_s}")


async def run_callbacks(
    engine: Engine, clock: VirtualClock, ledger: CallbackLedger, *, count: int
) -> tuple[int, MemoryCurve]:
    """Let time pass until each plugin was called back `count` times at least; how often that was, over all plugins.

    Ends all schedules. What went wrong is in the ledger.
    """
    plugins = sorted({plugin for plugin, _ in ledger.periods_s})
    for plugin in plugins:
        result = await engine.call(plugin, SCHEDULE)
        assert result.ok, result.error
    seconds = 0
    while any(_due(ledger.periods_s, plugin, seconds) < count for plugin in plugins):
        seconds += 1
    curve = MemoryCurve()
    passed = 0
    for step in range(1, _SAMPLES + 1):
        until = seconds * step // _SAMPLES
        await clock.advance(until - passed)
        passed = until
        curve.take(step / _SAMPLES)
    ledger.settle(seconds)
    for item in engine.schedules.list():
        engine.schedules.cancel(item.plugin, item.schedule_id)
    return sum(ledger.counts.values()), curve


def _due(periods_s: Mapping[tuple[str, str], int], plugin: str, seconds: int) -> int:
    """How many callbacks of a plugin are due within some seconds."""
    return sum(seconds // period_s for (owner, _), period_s in periods_s.items() if owner == plugin)
