"""A share of the long run with every test run, and that the run notices what it is there to notice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine import Engine, EventBus, VirtualClock
from engine.calls import PluginId
from engine.events import ScheduleSkipped
from tests.engine.harness import PluginHarness
from tests.soak.callbacks import CallbackLedger, run_callbacks
from tests.soak.memory import GROWTH_LIMIT_BYTES, MemoryCurve
from tests.soak.plugin import CHAIN_ID, manifest, soak_wat
from tests.soak.run import PLUGINS, soak

SEED = int(os.environ.get("SOAK_SEED", "1"))
SHARE = int(os.environ.get("SOAK_SHARE", "200"))
"""Callbacks and frames for each plugin; `make soak` does the full counts."""


async def test_no_callback_and_no_frame_is_lost_or_doubled_and_memory_stays_flat(tmp_path: Path) -> None:
    callbacks, frames = await soak(tmp_path / "soak", callbacks=SHARE, frames=SHARE, seed=SEED)
    assert (callbacks.faults, frames.faults) == ((), ()), f"seed {SEED}"
    assert callbacks.done >= SHARE * len(PLUGINS)
    assert frames.done == SHARE * len(PLUGINS)


@pytest.mark.parametrize(
    ("expected_s", "fault"),
    [(1, ""), (2, "callback 1 came -1.0 s late"), (2, "2 callbacks instead of 1")],
    ids=["as it is", "too soon", "too many"],
)
async def test_a_schedule_that_does_not_run_as_it_should_is_a_fault(
    tmp_path: Path, expected_s: int, fault: str
) -> None:
    """The chain has a link each second, whatever is expected of it."""
    harness = PluginHarness(tmp_path / "soak")
    harness.write(soak_wat(periods_s={}, chain_s=1, url="ws://127.0.0.1:1/"), manifest=manifest("probe"))
    clock = VirtualClock()
    ledger = CallbackLedger(periods_s={("probe", CHAIN_ID): expected_s}, start_ns=clock.now_ns())
    bus = EventBus()
    bus.subscribe(ledger.record)
    async with Engine(harness.settings, clock=clock, bus=bus) as engine:
        await run_callbacks(engine, clock, ledger, count=1)
    if fault:
        assert any(fault in found for found in ledger.faults)
    else:
        assert ledger.faults == []


def test_a_skipped_time_is_a_fault() -> None:
    ledger = CallbackLedger(periods_s={}, start_ns=0)
    ledger.record(ScheduleSkipped(time_ns=0, plugin=PluginId("one"), schedule_id="job", due_ns=0))
    assert ledger.faults == ["one: job was skipped"]


def test_what_is_gained_after_the_warm_up_counts_as_growth() -> None:
    curve = MemoryCurve()
    curve.samples = [(0.05, 10), (0.2, 40), (0.6, 900), (1.0, 70)]
    assert (curve.warm_bytes, curve.end_bytes, curve.growth_bytes) == (40, 70, 30)


def test_a_hoard_is_seen_in_the_curve() -> None:
    curve = MemoryCurve()
    curve.take(0.1)
    hoard = [b"x" * 4096 + bytes([number % 256]) for number in range(3 * GROWTH_LIMIT_BYTES // 4096)]
    curve.take(1.0)
    assert len(hoard) > 0
    assert curve.growth_bytes > GROWTH_LIMIT_BYTES
