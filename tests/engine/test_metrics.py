"""Counts and latencies per plugin and method."""

from __future__ import annotations

from engine.metrics import MethodMetrics
from tests.engine.guests import answer, plugin_wat
from tests.engine.harness import PluginHarness

MBID = "metadata_agent_get_artist_mbid"
URL = "metadata_agent_get_artist_url"


async def figures(harness: PluginHarness, wat: str, *methods: str) -> dict[str, MethodMetrics]:
    harness.write(wat)
    async with harness.engine() as engine:
        for method in methods:
            await engine.call("probe", method)
        return {item.method: item for item in engine.metrics()}


async def test_good_and_failed_calls_are_counted_apart(harness: PluginHarness) -> None:
    body, data = answer(b"down", error=True)
    wat = plugin_wat({MBID: "(i64.const 0)", URL: body}, fields=data)
    found = await figures(harness, wat, "GetArtistMBID", "GetArtistMBID", "GetArtistURL")
    good, bad = found["MetadataAgent.GetArtistMBID"], found["MetadataAgent.GetArtistURL"]
    assert (good.ok_count, good.failed_count, good.last_error) == (2, 0, None)
    assert (bad.ok_count, bad.failed_count, bad.last_error) == (0, 1, "down")
    assert 0 < good.median_ms <= good.p95_ms


async def test_not_implemented_and_undeclared_are_not_counted(harness: PluginHarness) -> None:
    assert await figures(harness, plugin_wat(), "GetArtistMBID", "Scrobbler.Scrobble") == {}
