"""WebSocket connections of real modules through the whole engine: a guest connects, a server speaks, it hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from engine import Outcome, PluginState
from engine.contracts.api_pb2 import OnTextMessageRequest
from engine.contracts.host.websocket_pb2 import ConnectRequest
from engine.errors import EngineClosed
from engine.events import CallFinished, CallStarted, SocketClosed, SocketEnd, SocketOpened
from tests.engine.guests import host_import, plugin_wat
from tests.engine.harness import PluginHarness, manifest_of
from tests.waiting import wait_until

METHOD = "MetadataAgent.GetArtistMBID"
MBID = "metadata_agent_get_artist_mbid"
ON_INIT = "lifecycle_management_on_init"
CALLBACKS = tuple(
    f"web_socket_callback_{name}" for name in ("on_text_message", "on_binary_message", "on_error", "on_close")
)
REQUEST_AT = 8192
IMPORT = host_import("connect")


@dataclass
class Feed:
    """A server that keeps its connections."""

    url: str = ""
    connections: list[ServerConnection] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        self.arrived.set()
        await connection.wait_closed()


@asynccontextmanager
async def feed() -> AsyncIterator[Feed]:
    kept = Feed()
    async with serve(kept.handle, "127.0.0.1", 0) as server:
        kept.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        yield kept


def connecting(
    url: str, *, connection_id: str = "c", on_init: bool = False, init_end: str = "(i64.const 0)", mark: str = ""
) -> str:
    """A plugin that connects in GetArtistMBID, or in OnInit, and takes every callback."""
    raw = ConnectRequest(url=url, connection_id=connection_id).SerializeToString()
    escaped = "".join(f"\\{byte:02x}" for byte in raw)
    ask = f"(drop (call $connect (i32.const {REQUEST_AT}) (i32.const {len(raw)})))"
    bodies = dict.fromkeys(CALLBACKS, "(i64.const 0)")
    bodies |= {ON_INIT: f"{ask} {init_end}", MBID: "(i64.const 0)"} if on_init else {MBID: f"{ask} (i64.const 0)"}
    fields = f'(data (i32.const {REQUEST_AT}) "{escaped}") (func (export "mark{mark}"))'
    return plugin_wat(bodies, capabilities=capabilities(on_init), imports=IMPORT, fields=fields)


def capabilities(on_init: bool = False) -> tuple[str, ...]:
    return ("MetadataAgent", "WebSocketCallback", *(("LifecycleManagement",) if on_init else ()))


def manifest(name: str = "probe", *, on_init: bool = False, **members: Any) -> dict[str, Any]:
    entry = {"reason": "tests", "allowedUrls": ["ws://127.0.0.1:*"], "allowLocalNetwork": True}
    return manifest_of(name, capabilities(on_init), permissions={"websocket": entry}, **members)


def told(harness: PluginHarness) -> list[str]:
    return [
        event.result.method.partition(".")[2]
        for event in harness.of(CallFinished)
        if event.result.method.startswith("WebSocketCallback.")
    ]


async def until_told(harness: PluginHarness, count: int) -> list[str]:
    await asyncio.to_thread(wait_until, lambda: len(told(harness)) >= count, what=f"{count} callbacks")
    return told(harness)


async def test_a_guest_connects_and_hears_what_the_server_says(harness: PluginHarness) -> None:
    async with feed() as server:
        harness.write(connecting(server.url), manifest=manifest())
        async with harness.engine() as engine:
            result = await engine.call("probe", METHOD)
            assert [call.error for call in result.host_calls] == [None]
            [opened] = harness.of(SocketOpened)
            assert opened.call_id == result.call_id
            await server.connections[0].send("hello")
            await server.connections[0].close(1000, "bye")
            assert await until_told(harness, 2) == ["OnTextMessage", "OnClose"]
            started = [event for event in harness.of(CallStarted) if event.cause == "socket c"]
            assert started[0].request == OnTextMessageRequest(connection_id="c", message="hello")
            assert engine.sockets.list() == ()


async def test_a_refresh_keeps_the_connection_and_the_new_version_hears(harness: PluginHarness) -> None:
    async with feed() as server:
        harness.write(connecting(server.url), manifest=manifest())
        async with harness.engine() as engine:
            await engine.call("probe", METHOD)
            harness.write(connecting(server.url, mark="2"), manifest=manifest())
            assert (await engine.refresh("probe")).generation == 2
            await server.connections[0].send("hello")
            await until_told(harness, 1)
            assert harness.of(CallFinished)[-1].result.generation == 2


async def test_a_removed_plugin_loses_its_connection_with_1001_and_hears_nothing(harness: PluginHarness) -> None:
    async with feed() as server:
        folder = harness.write(connecting(server.url), manifest=manifest())
        async with harness.engine() as engine:
            await engine.call("probe", METHOD)
            folder.rename(harness.root / "elsewhere")
            await engine.scan()
            await asyncio.wait_for(server.connections[0].wait_closed(), 5)
            assert server.connections[0].close_code == 1001
            assert [event.end for event in harness.of(SocketClosed)] == [SocketEnd.REMOVED]
            assert told(harness) == []


async def test_messages_for_a_connection_of_an_on_init_wait_for_it_and_go_to_its_version(
    harness: PluginHarness,
) -> None:
    async with feed() as server:
        harness.write(connecting(server.url, on_init=True), manifest=manifest(on_init=True))
        async with harness.engine() as engine:
            await engine.ready("probe")
            harness.write(connecting(server.url, on_init=True, mark="2"), manifest=manifest(on_init=True))
            assert (await engine.refresh("probe")).generation == 2
            assert len(server.connections) == 2
            await server.connections[1].send("hello")
            assert await until_told(harness, 1) == ["OnTextMessage"]
            assert harness.of(CallFinished)[-1].result.generation == 2
            assert [event.end for event in harness.of(SocketClosed)] == [SocketEnd.REPLACED]


async def test_a_failed_on_init_at_reload_closes_what_it_connected(harness: PluginHarness) -> None:
    async with feed() as server:
        harness.write(connecting(server.url, on_init=True, connection_id="1"), manifest=manifest(on_init=True))
        async with harness.engine() as engine:
            await engine.ready("probe")
            bad = connecting(server.url, on_init=True, connection_id="2", init_end="(unreachable)")
            harness.write(bad, manifest=manifest(on_init=True))
            assert (await engine.refresh("probe")).state is PluginState.STALE
            assert [info.connection_id for info in engine.sockets.list()] == ["1"]
            [closed] = harness.of(SocketClosed)
            assert (closed.connection_id, closed.note) == ("2", "the OnInit that made it failed")


async def test_a_cancelled_call_leaves_a_connect_that_waits_for_the_server(harness: PluginHarness) -> None:
    accepted = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    harness.write(connecting(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"), manifest=manifest())
    async with harness.engine() as engine:
        calling = asyncio.ensure_future(engine.call("probe", METHOD))
        await accepted.wait()
        [started] = harness.of(CallStarted)
        assert engine.cancel(started.call_id)
        result = await asyncio.wait_for(calling, 5)
        assert result.outcome is Outcome.CANCELLED
        assert engine.sockets.list() == ()
    server.close()
    await server.wait_closed()


async def test_a_plugin_without_the_capability_may_send_and_what_arrives_is_in_the_events(
    harness: PluginHarness,
) -> None:
    async with feed() as server:
        wat = connecting(server.url)
        harness.write(wat, manifest=manifest() | {"capabilities": ["MetadataAgent"]})
        async with harness.engine() as engine:
            await engine.call("probe", METHOD)
            await server.connections[0].send("hello")
            await until_told(harness, 1)
            result = harness.of(CallFinished)[-1].result
            assert result.outcome is Outcome.LOAD_FAILED
            assert result.error == "plugin adapter not registered: probe, capability: WebSocketCallback"
            assert len(engine.sockets.list("probe")) == 1


async def test_two_plugins_hear_every_frame_once_and_in_order(harness: PluginHarness) -> None:
    count = 150
    async with feed() as server:
        for name in ("one", "two"):
            harness.write(connecting(server.url), folder=name, manifest=manifest(name))
        async with harness.engine() as engine:
            for name in ("one", "two"):
                await engine.call(name, METHOD)
            for connection in server.connections:
                for number in range(count):
                    await connection.send(str(number))
            await until_told(harness, 2 * count)
        for name in ("one", "two"):
            heard = [
                event.request.message
                for event in harness.of(CallStarted)
                if event.plugin == name and isinstance(event.request, OnTextMessageRequest)
            ]
            assert heard == [str(number) for number in range(count)]


async def test_a_closed_engine_leaves_no_connection_behind(harness: PluginHarness) -> None:
    async with feed() as server:
        harness.write(connecting(server.url), manifest=manifest())
        async with harness.engine() as engine:
            await engine.call("probe", METHOD)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(server.connections[0].recv(), 5)
        with pytest.raises(EngineClosed):
            engine.sockets.list()
