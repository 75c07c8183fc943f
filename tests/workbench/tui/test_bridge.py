"""The bridge: what it collects from the event bus, and what it says while there is no session."""

from __future__ import annotations

import asyncio
import time

import pytest

from engine.calls import OutputStream, PluginId
from engine.errors import EngineClosed
from engine.events import PluginState, PluginStateChanged
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness
from workbench.devloop.events import BuildOutput, BuildStarted, BuildStateChanged
from workbench.session import Session
from workbench.tui.bridge import MAX_BUILD_LINES, Bridge

PLUGIN = PluginId("probe")


class OpenBridge:
    """A bridge with an open session, closed at the end."""

    def __init__(self, plugins: PluginHarness) -> None:
        self.sessions: list[Session] = []
        self.bridge = Bridge(self._make)
        self._plugins = plugins

    def _make(self) -> Session:
        session = Session(self._plugins.settings, (self._plugins.folder,), watch=False)
        self.sessions.append(session)
        return session

    async def __aenter__(self) -> OpenBridge:
        await self.bridge.start()
        self.bridge.drain()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert await asyncio.to_thread(self.bridge.close, 10.0)


async def test_a_request_before_the_session_is_open_is_refused_and_closing_is_at_once(plugins: PluginHarness) -> None:
    bridge = OpenBridge(plugins).bridge
    with pytest.raises(EngineClosed, match="still being opened"):
        await bridge.statuses()
    assert bridge.close(0.1)


async def test_plugin_news_and_build_lines_are_told_once(plugins: PluginHarness) -> None:
    async with OpenBridge(plugins) as running:
        bus = running.sessions[0].bus
        assert not running.bridge.drain().has_plugin_news
        bus.publish(BuildStarted(time_ns=0, plugin=PLUGIN, command=("make",)))
        bus.publish(BuildOutput(time_ns=0, plugin=PLUGIN, line="one", stream=OutputStream.STDERR))
        bus.publish(PluginStateChanged(time_ns=0, plugin=PLUGIN, state=PluginState.READY, version="1", generation=1))
        drained = running.bridge.drain()
        assert drained.has_plugin_news
        assert drained.has_trace_news
        assert [line.text for line in drained.build_lines] == [None, "one"]
        again = running.bridge.drain()
        assert (again.has_plugin_news, again.has_trace_news, again.build_lines) == (False, False, ())


async def test_a_build_that_is_mended_without_a_reload_is_plugin_news(plugins: PluginHarness) -> None:
    async with OpenBridge(plugins) as running:
        running.bridge.drain()
        running.sessions[0].bus.publish(
            BuildStateChanged(time_ns=0, plugin=PLUGIN, state="ready", version="1", generation=1)
        )
        assert running.bridge.drain().has_plugin_news


async def test_a_flood_of_build_output_keeps_the_last_lines(plugins: PluginHarness) -> None:
    async with OpenBridge(plugins) as running:
        for number in range(MAX_BUILD_LINES + 5):
            running.sessions[0].bus.publish(
                BuildOutput(time_ns=0, plugin=PLUGIN, line=str(number), stream=OutputStream.STDERR)
            )
        lines = running.bridge.drain().build_lines
        assert (len(lines), lines[-1].text) == (MAX_BUILD_LINES, str(MAX_BUILD_LINES + 4))


async def test_cancelling_ends_the_call_of_this_screen(plugins: PluginHarness) -> None:
    spin = plugin_wat({"metadata_agent_get_artist_mbid": "(loop $again (br $again)) (unreachable)"})
    plugins.write(spin, folder="probe")
    async with OpenBridge(plugins) as running:
        assert not await running.bridge.cancel()
        call = asyncio.ensure_future(running.bridge.call(PLUGIN, "MetadataAgent.GetArtistMBID", {}))
        end = time.monotonic() + 10
        while not await running.bridge.cancel():
            assert time.monotonic() < end, "the call never began"
        answer = await asyncio.wait_for(call, 10)
        assert answer.result.outcome == "cancelled"
        assert not answer.verdict.ok
        assert not await running.bridge.cancel()


async def test_trust_agrees_only_to_the_command_that_was_shown(plugins: PluginHarness) -> None:
    folder = plugins.write(plugin_wat(), folder="probe")
    (folder / "workbench.toml").write_text('[build]\ncommand = ["true"]\nsources = ["*.txt"]\n')
    async with OpenBridge(plugins) as running:
        (status,) = await running.bridge.statuses()
        assert status.build_command == ("true",)
        (folder / "workbench.toml").write_text('[build]\ncommand = ["false"]\nsources = ["*.txt"]\n')
        with pytest.raises(Exception, match="has changed meanwhile"):
            await running.bridge.trust(status)
