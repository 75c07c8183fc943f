"""Connections handled from outside, and those that an OnInit makes."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import InvalidRequest, QuotaExceeded
from engine.events import FrameKind, SocketClosed, SocketFrame
from engine.settings import Limits
from tests.engine.host.fake_host import Callback
from tests.engine.host.fake_scope import TEST_PLUGIN
from tests.engine.host.socket_bench import client_frame, frame, raw_server, socket_bench, socket_scope, until_closed

PLUGIN = str(TEST_PLUGIN)


async def echo_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send one frame back as text, then wait for the client to go."""
    _, data = await client_frame(reader)
    writer.write(frame(1, data))
    await until_closed(reader)


async def listen(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await until_closed(reader)


async def test_connections_are_listed_with_what_went_over_them() -> None:
    async with raw_server(echo_first) as server, socket_bench() as bench:
        await bench.opened(server.url)
        await bench.send("hello")
        await bench.told(1)
        [info] = bench.service.sockets.list()
        assert (info.plugin, info.connection_id, info.url, info.routed_to) == (PLUGIN, "c", server.url, None)
        assert (info.frames_sent, info.bytes_sent, info.frames_received, info.bytes_received) == (1, 5, 1, 5)
        assert bench.service.sockets.list("nobody") == ()
        assert bench.service.sockets.list(PLUGIN) == (info,)


async def test_an_injected_frame_is_delivered_as_if_the_server_had_sent_it() -> None:
    async with raw_server(listen) as server, socket_bench() as bench:
        await bench.opened(server.url)
        bench.service.sockets.inject(PLUGIN, "c", "text")
        bench.service.sockets.inject(PLUGIN, "c", b"\x01")
        assert await bench.told(2) == [("OnTextMessage", "c", "text"), ("OnBinaryMessage", "c", b"\x01")]
        assert [(item.is_injected, item.is_sent, item.kind) for item in bench.of(SocketFrame)] == [
            (True, False, FrameKind.TEXT),
            (True, False, FrameKind.BINARY),
        ]


async def test_injected_frames_wait_for_a_busy_plugin_but_not_without_bound() -> None:
    async with raw_server(listen) as server, socket_bench() as bench:
        release = asyncio.Event()

        async def behave(_callback: Callback) -> None:
            await release.wait()

        bench.host.behave = behave
        await bench.opened(server.url)
        bench.service.sockets.inject(PLUGIN, "c", "0")
        await bench.told(1)
        for number in range(1, 257):
            bench.service.sockets.inject(PLUGIN, "c", str(number))
        with pytest.raises(QuotaExceeded, match="256 injected frames wait"):
            bench.service.sockets.inject(PLUGIN, "c", "one too many")
        release.set()
        assert [item[2] for item in await bench.told(257)] == [str(number) for number in range(257)]


async def test_a_dropped_connection_looks_like_a_failed_network() -> None:
    async with raw_server(listen) as server, socket_bench() as bench:
        await bench.opened(server.url)
        bench.service.sockets.drop(PLUGIN, "c")
        assert await bench.told(2) == [
            ("OnError", "c", "read: connection reset by peer (dropped by hand)"),
            ("OnClose", "c", 1006, ""),
        ]
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_a_frame_sent_by_hand_reaches_the_server() -> None:
    async with raw_server(echo_first) as server, socket_bench() as bench:
        await bench.opened(server.url)
        await bench.service.sockets.send(PLUGIN, "c", b"by hand")
        assert await bench.told(1) == [("OnTextMessage", "c", "by hand")]


async def test_a_connection_closed_by_hand_is_told_with_that_code() -> None:
    async with raw_server(listen) as server, socket_bench() as bench:
        await bench.opened(server.url)
        with pytest.raises(InvalidRequest, match="invalid close code 1006"):
            bench.service.sockets.close(PLUGIN, "c", 1006)
        bench.service.sockets.close(PLUGIN, "c", 3001, "by hand")
        assert await bench.told(1) == [("OnClose", "c", 3001, "by hand")]


async def test_misuse_names_the_connections_there_are() -> None:
    async with raw_server(listen) as server, socket_bench(limits=Limits(websocket_message_bytes=3)) as bench:
        await bench.opened(server.url)
        with pytest.raises(InvalidRequest, match="connection not found: d") as caught:
            bench.service.sockets.drop(PLUGIN, "d")
        assert caught.value.hint == "Open connections of test-plugin: c."
        with pytest.raises(InvalidRequest, match="above the limit of 3"):
            bench.service.sockets.inject(PLUGIN, "c", "four")
        with pytest.raises(InvalidRequest, match="above the limit of 3"):
            await bench.service.sockets.send(PLUGIN, "c", "four")


async def test_what_an_on_init_connects_is_held_until_it_is_over() -> None:
    async with raw_server(echo_first) as server, socket_bench() as bench:
        await bench.opened(server.url, scope=socket_scope(initialising=2))
        assert await bench.send("during") == ""
        [info] = bench.service.sockets.list()
        assert info.is_held
        bench.service.sockets.inject(PLUGIN, "c", "injected")
        assert bench.host.callbacks == []
        bench.service.init_finished(TEST_PLUGIN, 2, ok=True)
        assert {item[2] for item in await bench.told(2)} == {"during", "injected"}


async def test_a_good_on_init_removes_what_an_earlier_one_had_made_and_it_did_not_make_again() -> None:
    async with raw_server(listen) as server, socket_bench() as bench:
        await bench.opened(server.url, "plain")
        await bench.opened(server.url, "kept", scope=socket_scope(initialising=1))
        await bench.opened(server.url, "gone", scope=socket_scope(initialising=1))
        bench.service.init_finished(TEST_PLUGIN, 1, ok=True)
        await bench.opened(server.url, "kept", scope=socket_scope(initialising=2))
        await bench.opened(server.url, "new", scope=socket_scope(initialising=2))
        bench.service.init_finished(TEST_PLUGIN, 2, ok=True)
        assert [info.connection_id for info in bench.service.sockets.list()] == ["plain", "kept", "new"]
        assert bench.of(SocketClosed)[-1].note == "the OnInit that ran again did not make it again"
        assert bench.host.callbacks == []


async def test_a_failed_on_init_takes_what_it_made_with_it_and_restores_nothing() -> None:
    async with raw_server(listen) as server, socket_bench() as bench:
        await bench.opened(server.url, "kept", scope=socket_scope(initialising=1))
        await bench.opened(server.url, "replaced", scope=socket_scope(initialising=1))
        bench.service.init_finished(TEST_PLUGIN, 1, ok=True)
        await bench.opened(server.url, "replaced", scope=socket_scope(initialising=2))
        await bench.opened(server.url, "new", scope=socket_scope(initialising=2))
        bench.service.init_finished(TEST_PLUGIN, 2, ok=False)
        assert [info.connection_id for info in bench.service.sockets.list()] == ["kept"]
        notes = {event.connection_id: event.note for event in bench.of(SocketClosed)}
        assert notes == {
            "replaced": "the OnInit that made it failed; "
            "the connection of the same id that it replaced is not restored",
            "new": "the OnInit that made it failed",
        }
        assert bench.host.callbacks == []


async def test_a_connection_that_a_failed_on_init_closed_itself_is_not_told() -> None:
    async with raw_server(listen) as server, socket_bench() as bench:
        await bench.opened(server.url, scope=socket_scope(initialising=1))
        assert await bench.close() == ""
        bench.service.init_finished(TEST_PLUGIN, 1, ok=False)
        await asyncio.wait_for(server.ended.wait(), 5)
        assert bench.host.callbacks == []


async def test_a_connection_that_a_good_on_init_closed_itself_is_told_after_it() -> None:
    async with raw_server(listen) as server, socket_bench() as bench:
        await bench.opened(server.url, scope=socket_scope(initialising=1))
        assert await bench.close(4001, "changed my mind") == ""
        assert bench.host.callbacks == []
        bench.service.init_finished(TEST_PLUGIN, 1, ok=True)
        assert await bench.told(1) == [("OnClose", "c", 4001, "changed my mind")]
