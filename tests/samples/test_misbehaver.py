"""misbehaver: each way to go wrong is the outcome that its README promises, and harms nobody else."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from engine.calls import Outcome
from engine.clock import VirtualClock
from engine.settings import Fidelity
from tests.samples.bench import SampleBench
from tests.soak.faults import misbehaver_faults, misbehaver_limits, run_faults
from workbench.demo.samples import sample_sources

pytestmark = pytest.mark.go

PLUGIN = "misbehaver"
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "5"))
"""Of all methods, several at once; `make soak` does 100."""
ENDLESS = {"GetArtistURL": Outcome.TIMEOUT, "GetAlbumInfo": Outcome.TIMEOUT}
PROMPT = {
    "GetArtistMBID": Outcome.TRAP,
    "GetArtistBiography": Outcome.RESPONSE_LIMIT,
    "GetSimilarArtists": Outcome.MEMORY_LIMIT,
    "GetArtistImages": Outcome.BAD_REPLY,
    "GetArtistTopSongs": Outcome.OUTPUT_LIMIT,
    "GetAlbumImages": Outcome.EXIT,
}


@pytest.mark.parametrize(("method", "outcome"), [*PROMPT.items(), *ENDLESS.items()])
async def test_a_method_goes_wrong_in_its_own_way(samples: SampleBench, method: str, outcome: Outcome) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await sample.call(method, timeout_s=0.5 if method in ENDLESS else 30)
    assert result.outcome is outcome, result.error


def test_the_readme_names_the_outcomes() -> None:
    text = (sample_sources() / PLUGIN / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| `(\w+)`", text, re.MULTILINE))
    promised = {**PROMPT, **ENDLESS, "GetAlbumInfo": Outcome.NOT_FOUND}
    assert rows == {method: outcome.value for method, outcome in promised.items()}


async def test_a_panic_is_shown_in_the_guests_own_words(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await sample.call("GetArtistMBID", {"name": "Ada"})
    assert result.trap is not None
    assert result.trap.panic == "panic: misbehaver: no idea who Ada is"


async def test_the_exit_code_is_reported(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        assert (await sample.call("GetAlbumImages")).error == "unexpected exit_code: 3"


async def test_a_minute_of_sleep_takes_no_time_on_a_virtual_clock(samples: SampleBench) -> None:
    clock = VirtualClock()
    before_ns = clock.monotonic_ns()
    async with samples.open(PLUGIN, clock=clock) as sample:
        result = await sample.call("GetAlbumInfo")
    assert result.outcome is Outcome.NOT_FOUND, result.error
    assert clock.monotonic_ns() - before_ns >= 60 * 10**9


async def test_in_navidrome_a_minute_of_sleep_is_sixty_thousand_readings_of_the_clock(samples: SampleBench) -> None:
    samples.settings = samples.settings.with_fidelity(Fidelity.NAVIDROME)
    async with samples.open(PLUGIN) as sample:
        result = await sample.call("GetAlbumInfo")
    assert result.outcome is Outcome.NOT_FOUND, result.error
    assert result.duration_ns < 30 * 10**9


async def test_every_way_again_and_again_harms_no_healthy_plugin(sample_plugins: Path, tmp_path: Path) -> None:
    faults = misbehaver_faults((sample_plugins / PLUGIN / "plugin.wasm").read_bytes())
    assert {fault.method: fault.outcome for fault in faults} == {**PROMPT, **ENDLESS}
    phase = await run_faults(tmp_path / "soak", faults, rounds=ROUNDS, seed=1, limits=misbehaver_limits())
    assert phase.faults == ()
    assert phase.done == ROUNDS * len(faults)


async def test_all_at_once_do_not_harm_each_other(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        methods = [*PROMPT, *ENDLESS]
        limits_s = [1 if method in ENDLESS else 30 for method in methods]
        results = await asyncio.gather(
            *(sample.call(method, timeout_s=limit_s) for method, limit_s in zip(methods, limits_s, strict=True))
        )
    assert {method: result.outcome for method, result in zip(methods, results, strict=True)} == {**PROMPT, **ENDLESS}
