"""`PoolMode.REUSE`: instances come back with their memory, unless their guest was stopped; bounded as in Navidrome."""

from __future__ import annotations

import asyncio

import pytest

from engine import Outcome
from engine.events import InstanceDiscarded, InstanceStarted, PoolChanged
from engine.limits import PoolMode
from tests.engine.guests import POLL_ONEOFF, PROC_EXIT, plugin_wat, sleep, word
from tests.engine.harness import PluginHarness
from tests.engine.telling import MBID, METHOD, telling_wat, told
from tests.waiting import wait_until

pytestmark = pytest.mark.both_paths

pytestmark = pytest.mark.both_paths

SPINNING = "(loop $l (br $l)) (i64.const 0)"
OTHER = "metadata_agent_get_artist_url"
COUNT = "(i64.store (i32.const 3000) (i64.add (i64.load (i32.const 3000)) (i64.const 1)))"
COUNTING = telling_wat(["(i64.load (i32.const 3000))"], imports="", before=COUNT)
"""Answers how many calls its memory has seen."""


def reasons(harness: PluginHarness) -> list[str]:
    return [event.reason for event in harness.of(InstanceDiscarded)]


async def test_memory_survives_from_call_to_call_and_only_in_this_mode(harness: PluginHarness) -> None:
    harness.write(COUNTING)
    async with harness.engine() as engine:
        assert [told(await engine.call("probe", METHOD)) for _ in range(3)] == [[1], [1], [1]]
    harness.pool(mode=PoolMode.REUSE)
    async with harness.engine() as engine:
        assert [told(await engine.call("probe", METHOD)) for _ in range(3)] == [[1], [2], [3]]


async def test_nothing_is_started_ahead_of_need(harness: PluginHarness) -> None:
    harness.pool(mode=PoolMode.REUSE)
    harness.write(COUNTING)
    async with harness.engine() as engine:
        for _ in range(5):
            assert (await engine.call("probe", METHOD)).is_warm  # the instance that checked the version serves them all
    assert harness.of(InstanceStarted) == []
    assert reasons(harness) == ["closed"]


@pytest.mark.parametrize(
    ("name", "body", "outcome"),
    [
        ("trapped", "(unreachable)", Outcome.TRAP),
        ("exited", "(call $proc_exit (i32.const 1)) (i64.const 0)", Outcome.EXIT),
        ("out of time", SPINNING, Outcome.TIMEOUT),
    ],
)
async def test_an_instance_that_was_stopped_never_comes_back(
    harness: PluginHarness, name: str, body: str, outcome: Outcome
) -> None:
    harness.pool(mode=PoolMode.REUSE)
    count_here = f"{COUNT} (i64.const 0)"
    harness.write(plugin_wat({MBID: body, OTHER: count_here}, imports=PROC_EXIT))
    async with harness.engine() as engine:
        await engine.ready("probe")
        first = engine.pool_statistics("probe")
        assert first is not None
        assert (await engine.call("probe", METHOD, timeout_s=0.1)).outcome is outcome, name
        again = await engine.call("probe", "GetArtistURL")
        assert (again.ok, again.is_warm) == (True, False)
        after = engine.pool_statistics("probe")
        assert after is not None
        assert {item.instance_id for item in after.instances}.isdisjoint(item.instance_id for item in first.instances)
    assert reasons(harness)[0] == "broken"


async def test_an_instance_whose_call_was_cancelled_never_comes_back(harness: PluginHarness) -> None:
    harness.pool(mode=PoolMode.REUSE)
    harness.write(plugin_wat({MBID: SPINNING}))
    async with harness.engine() as engine:
        await engine.ready("probe")
        running = asyncio.create_task(engine.call("probe", METHOD))
        await asyncio.to_thread(harness.wait_for_busy)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(wait_until, lambda: reasons(harness) == ["broken"], what="the end of the instance")


async def test_a_guest_that_trapped_while_it_gave_back_memory_never_comes_back(harness: PluginHarness) -> None:
    harness.pool(mode=PoolMode.REUSE)
    free = '(func (export "free") (param i32) (unreachable))'
    harness.write(plugin_wat({MBID: f"(i64.const {word(65536, 2)})"}, drop=["free"], fields=free))
    async with harness.engine() as engine:
        result = await engine.call("probe", METHOD)
        assert result.outcome in (Outcome.OK, Outcome.BAD_REPLY)
        assert reasons(harness) == ["broken"]


async def test_an_answer_that_cannot_be_read_does_not_cost_the_instance(harness: PluginHarness) -> None:
    harness.pool(mode=PoolMode.REUSE)
    harness.write(plugin_wat({MBID: f"(i64.const {word(0x7FFF0000, 16)})"}))
    async with harness.engine() as engine:
        for _ in range(3):
            assert (await engine.call("probe", METHOD)).outcome is Outcome.BAD_REPLY
        assert reasons(harness) == []


async def test_what_is_idle_beyond_the_limit_is_dropped_on_return(harness: PluginHarness) -> None:
    nap, data = sleep(0.05)
    harness.pool(mode=PoolMode.REUSE, max_idle=2, max_idle_total=0)
    harness.write(plugin_wat({MBID: f"{nap} (i64.const 0)"}, imports=POLL_ONEOFF, fields=data))
    async with harness.engine() as engine:
        results = await asyncio.gather(*(engine.call("probe", METHOD) for _ in range(5)))
        assert {result.outcome for result in results} == {Outcome.OK}
        assert reasons(harness) == ["surplus"] * 3
        assert harness.of(PoolChanged)[-1].idle == 2


async def test_an_instance_idle_for_too_long_is_swept(harness: PluginHarness) -> None:
    harness.pool(mode=PoolMode.REUSE, idle_s=0.05)
    harness.write(COUNTING)
    async with harness.engine() as engine:
        assert told(await engine.call("probe", METHOD)) == [1]
        await asyncio.to_thread(wait_until, lambda: reasons(harness) == ["expired"], what="an expired instance")
        assert told(await engine.call("probe", METHOD)) == [1]


async def test_a_call_that_waited_gets_the_instance_that_came_back(harness: PluginHarness) -> None:
    harness.pool(mode=PoolMode.REUSE, max_in_use=1)
    harness.write(COUNTING)
    async with harness.engine() as engine:
        results = await asyncio.gather(*(engine.call("probe", METHOD) for _ in range(4)))
        assert sorted(told(result)[0] for result in results) == [1, 2, 3, 4]


async def test_an_instance_in_use_while_its_version_is_replaced_is_closed_on_return(harness: PluginHarness) -> None:
    nap, data = sleep(0.2)
    harness.pool(mode=PoolMode.REUSE)
    harness.write(plugin_wat({MBID: f"{nap} (i64.const 0)"}, imports=POLL_ONEOFF, fields=data))
    async with harness.engine() as engine:
        await engine.ready("probe")
        running = asyncio.create_task(engine.call("probe", METHOD))
        await asyncio.to_thread(harness.wait_for_busy)
        harness.write(COUNTING)
        await engine.refresh("probe")
        assert (await running).ok
        assert reasons(harness) == ["closed"]
        assert told(await engine.call("probe", METHOD)) == [1]
