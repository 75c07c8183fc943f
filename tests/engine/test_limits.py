"""Limits of a call: each ends it in its own outcome, with the figure that was exceeded, and harms nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from engine import Outcome
from engine.events import GuestWrote
from tests.engine.guests import FD_WRITE, POLL_ONEOFF, host_import, plugin_wat, sleep, word, write_stderr
from tests.engine.harness import PluginHarness, manifest_of

pytestmark = pytest.mark.both_paths

MBID = "metadata_agent_get_artist_mbid"
METHOD = "MetadataAgent.GetArtistMBID"
FLOOD, FLOOD_DATA = write_stderr(b"flood\n" * 50)
NAP, NAP_DATA = sleep(0.35)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A limit, a body that goes beyond it, and how its call has to end."""

    limits: dict[str, Any]
    body: str
    outcome: Outcome
    text: str


EXCESSES = {
    "time": Excess(
        limits={"call_timeout_s": 0.2},
        body="(loop $l (br $l))",
        outcome=Outcome.TIMEOUT,
        text="context deadline exceeded: no answer within 0.2 s",
    ),
    "memory": Excess(
        limits={"memory_bytes": 8 * 65536},
        body="(loop $l (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable))) (br $l))",
        outcome=Outcome.MEMORY_LIMIT,
        text="it had 524288 bytes, the limit is 524288 bytes (inferred",
    ),
    "output": Excess(
        limits={"output_bytes": 10_000},
        body=f"(loop $l {FLOOD} (br $l))",
        outcome=Outcome.OUTPUT_LIMIT,
        text="the plugin wrote more than 10000 bytes of output in one call",
    ),
    "output rate": Excess(
        limits={"output_bytes_per_s": 20_000},
        body=f"(loop $l {FLOOD} (br $l))",
        outcome=Outcome.OUTPUT_LIMIT,
        text="the plugin wrote more than 20000 bytes of output per second",
    ),
    "answer": Excess(
        limits={"response_bytes": 999},
        body=f"(return (i64.const {word(0, 1000)}))",
        outcome=Outcome.RESPONSE_LIMIT,
        text="the answer has 1000 bytes, the limit is 999 bytes",
    ),
    "host calls": Excess(
        limits={"host_calls": 5},
        body="(loop $l (drop (call $get_config (i32.const 0) (i32.const 0))) (br $l))",
        outcome=Outcome.HOSTCALL_LIMIT,
        text="more than 5 host calls in one call",
    ),
}


@pytest.mark.parametrize("name", EXCESSES)
async def test_a_limit_ends_the_call_in_its_own_outcome_with_its_figure(harness: PluginHarness, name: str) -> None:
    excess = EXCESSES[name]
    harness.limit(**excess.limits)
    imports = FD_WRITE + host_import("get_config")
    wat = plugin_wat({MBID: f"{excess.body} (i64.const 0)"}, imports=imports, fields=FLOOD_DATA)
    harness.write(wat, manifest=manifest_of("probe", permissions={"config": {"reason": "to count"}}))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
        assert result.outcome is excess.outcome, result.error
        assert excess.text in (result.error or "")
        assert (await engine.call("probe", "GetArtistURL")).outcome is Outcome.NOT_IMPLEMENTED


async def test_output_that_keeps_below_its_rate_may_add_up_to_more(harness: PluginHarness) -> None:
    # A round of 50 lines costs 3500 bytes, and the nap after it brings back a little more: 14 000 in all.
    rounds = f"""(loop $l {FLOOD} {NAP} (local.set $a (i32.add (local.get $a) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $a) (i32.const 4))))"""
    harness.limit(output_bytes_per_s=10_500)
    wat = plugin_wat({MBID: f"{rounds} (i64.const 0)"}, imports=FD_WRITE + POLL_ONEOFF, fields=FLOOD_DATA + NAP_DATA)
    harness.write(wat)
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    assert result.outcome is Outcome.OK, result.error
    assert len(result.logs) == 200


async def test_a_flood_reaches_the_trace_up_to_the_limit_and_no_further(harness: PluginHarness) -> None:
    harness.limit(output_bytes_per_s=20_000)
    harness.write(plugin_wat({MBID: f"(loop $l {FLOOD} (br $l)) (i64.const 0)"}, imports=FD_WRITE, fields=FLOOD_DATA))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
    assert result.logs[-1].text == "flood"
    # A line counts for its bytes and what its event costs; while it was written, a little room came back.
    assert len(harness.of(GuestWrote)) <= 2 * 20_000 / (len("flood\n") + 64)
