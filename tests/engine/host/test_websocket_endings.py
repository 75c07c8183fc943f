"""Every way in which a WebSocket connection can end, and what its plugin is told: exactly one OnClose."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve

from engine.calls import PluginId
from engine.events import SocketClosed, SocketEnd
from engine.host.connection import Ending
from engine.settings import Limits
from tests.engine.host.fake_host import Callback
from tests.engine.host.fake_scope import TEST_PLUGIN
from tests.engine.host.socket_bench import (
    RawServer,
    Script,
    SocketBench,
    client_frame,
    frame,
    raw_server,
    socket_bench,
    socket_scope,
    until_closed,
)

EOF_TEXT = "websocket: close 1006 (abnormal closure): unexpected EOF"


def sends(data: bytes, *, answered_with: asyncio.Queue[tuple[int, bytes]] | None = None) -> Script:
    """Send bytes, and keep the first frame that comes back; then wait for the client to close."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        opcode, answer = await client_frame(reader)
        if answered_with is not None:
            answered_with.put_nowait((opcode, answer))
        if opcode != 8:
            await until_closed(reader)

    return script


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close without a word."""


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close with a reset."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def never_twice(bench: SocketBench) -> None:
    """Fail when a second OnClose follows: everything that was started gets its turn first."""
    await bench.host.settled("socket ")
    assert [item.method for item in bench.host.callbacks].count("OnClose") == 1


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (struct.pack("!H", 1000) + b"bye", 1000, "bye"),
        (struct.pack("!H", 4321) + "grüße".encode(), 4321, "grüße"),
        (struct.pack("!H", 1001), 1001, ""),
        (b"", 1005, ""),
    ],
)
async def test_a_close_frame_is_answered_and_told_with_its_code(payload: bytes, code: int, reason: str) -> None:
    answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    script = sends(frame(1, b"last words") + frame(8, payload), answered_with=answers)
    async with raw_server(script) as server, socket_bench() as bench:
        await bench.opened(server.url)
        assert await bench.told(2) == [("OnTextMessage", "c", "last words"), ("OnClose", "c", code, reason)]
        assert await asyncio.wait_for(answers.get(), 5) == (8, payload)
        [event] = bench.of(SocketClosed)
        assert (event.end, event.code, event.reason, event.error) == (SocketEnd.SERVER, code, reason, None)
        await never_twice(bench)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (hang_up, EOF_TEXT),
        (reset, "read: connection reset by peer"),
        (sends(bytes([0xF1, 0x00])), "websocket: reserved bits must be 0"),
        (sends(frame(1, b"a", fin=False) + frame(1, b"b")), "websocket: expected a continuation frame"),
        (sends(frame(8, struct.pack("!H", 1005))), "websocket: invalid status code"),
        (sends(frame(1, b"12345678901")), "websocket: read limit exceeded: a message of more than 10 bytes"),
        (
            sends(frame(2, b"123456", fin=False) + frame(0, b"78901")),
            "websocket: read limit exceeded: a message of more than 10 bytes",
        ),
    ],
    ids=["end of stream", "reset", "reserved bits", "missing continuation", "forbidden code", "size", "fragments"],
)
async def test_a_broken_connection_is_told_by_on_error_and_then_on_close_1006(script: Script, text: str) -> None:
    async with raw_server(script) as server, socket_bench(limits=Limits(websocket_message_bytes=10)) as bench:
        await bench.opened(server.url)
        assert await bench.told(2) == [("OnError", "c", text), ("OnClose", "c", 1006, "")]
        [event] = bench.of(SocketClosed)
        assert (event.end, event.code, event.error) == (SocketEnd.BROKEN, 1006, text)
        await never_twice(bench)


@pytest.mark.parametrize(("data", "code"), [(frame(1, b"12345678901"), 1009), (bytes([0xF1, 0x00]), 1002)])
async def test_the_server_is_told_which_rule_it_broke(data: bytes, code: int) -> None:
    answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    limits = Limits(websocket_message_bytes=10)
    async with raw_server(sends(data, answered_with=answers)) as server, socket_bench(limits=limits) as bench:
        await bench.opened(server.url)
        opcode, payload = await asyncio.wait_for(answers.get(), 5)
        assert (opcode, int.from_bytes(payload[:2], "big")) == (8, code)


async def test_a_message_of_exactly_the_limit_is_delivered() -> None:
    limits = Limits(websocket_message_bytes=10)
    async with raw_server(sends(frame(2, b"1234567890"))) as server, socket_bench(limits=limits) as bench:
        await bench.opened(server.url)
        assert await bench.told(1) == [("OnBinaryMessage", "c", b"1234567890")]


async def test_a_silent_server_is_pinged_once_and_then_given_up() -> None:
    frames: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    limits = Limits(websocket_silence_s=0.2)
    async with raw_server(sends(b"", answered_with=frames)) as server, socket_bench(limits=limits) as bench:
        await bench.opened(server.url)
        assert await bench.told(2) == [
            ("OnError", "c", "read: i/o timeout: no frame arrived for 0.2 s"),
            ("OnClose", "c", 1006, ""),
        ]
        assert frames.get_nowait() == (9, b"")


async def test_a_server_that_answers_pings_is_not_silent() -> None:
    rounds = 5

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(rounds):
            opcode, data = await client_frame(reader)
            assert opcode == 9
            writer.write(frame(10, data))
        writer.write(frame(8))
        await client_frame(reader)

    async with raw_server(script) as server, socket_bench(limits=Limits(websocket_silence_s=0.2)) as bench:
        await bench.opened(server.url)
        assert await bench.told(1) == [("OnClose", "c", 1005, "")]


async def test_a_busy_plugin_is_not_the_servers_silence() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(1, b"slow"))
        assert await client_frame(reader) == (9, b"")
        writer.write(frame(8, struct.pack("!H", 1000)))
        await client_frame(reader)

    async with raw_server(script) as server, socket_bench(limits=Limits(websocket_silence_s=0.1)) as bench:

        async def behave(callback: Callback) -> None:
            if callback.method == "OnTextMessage":
                await asyncio.sleep(0.3)

        bench.host.behave = behave
        await bench.opened(server.url)
        assert await bench.told(2) == [("OnTextMessage", "c", "slow"), ("OnClose", "c", 1000, "")]


@pytest.mark.parametrize(("given", "sent"), [(0, 1000), (1000, 1000), (1014, 1014), (3000, 3000), (4999, 4999)])
async def test_the_plugins_own_close_sends_its_code_and_is_told_once(given: int, sent: int) -> None:
    seen: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def note(connection: ServerConnection) -> None:
        await connection.wait_closed()
        seen.put_nowait((connection.close_code, connection.close_reason))

    async with serve(note, "127.0.0.1", 0) as server, socket_bench() as bench:
        await bench.opened(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/")
        assert await bench.close(given, "done") == ""
        assert await bench.told(1) == [("OnClose", "c", sent, "done")]
        assert await asyncio.wait_for(seen.get(), 5) == (sent, "done")
        assert await bench.close() == await bench.send("x") == "connection not found"
        [event] = bench.of(SocketClosed)
        assert (event.end, event.code) == (SocketEnd.PLUGIN, sent)
        await never_twice(bench)


@pytest.mark.parametrize(
    ("code", "reason", "text"),
    [
        (999, "", "failed to close connection: invalid close code 999: use one of 1000-1003, 1007-1014 or 3000-4999"),
        (1004, "", "failed to close connection: invalid close code 1004"),
        (1005, "", "failed to close connection: invalid close code 1005"),
        (1015, "", "failed to close connection: invalid close code 1015"),
        (2999, "", "failed to close connection: invalid close code 2999"),
        (5000, "", "failed to close connection: invalid close code 5000"),
        (-1, "", "failed to close connection: invalid close code -1"),
        (1000, "ü" * 62, "failed to close connection: the close reason has 124 bytes: the limit is 123"),
    ],
)
async def test_a_close_that_must_not_be_sent_is_refused_and_the_connection_stays(
    code: int, reason: str, text: str
) -> None:
    async with raw_server(sends(b"")) as server, socket_bench() as bench:
        await bench.opened(server.url)
        assert (await bench.close(code, reason)).startswith(text)
        assert await bench.send("still there") == ""
        assert bench.host.callbacks == []


async def test_closing_inside_a_callback_is_told_after_it_and_drops_what_had_arrived() -> None:
    async with raw_server(sends(frame(1, b"1") + frame(1, b"2"))) as server, socket_bench() as bench:
        order: list[str] = []

        async def behave(callback: Callback) -> None:
            order.append(f"{callback.method} begins")
            if callback.method == "OnTextMessage":
                assert await bench.close(4000, "enough") == ""
            order.append(f"{callback.method} ends")

        bench.host.behave = behave
        await bench.opened(server.url)
        assert await bench.told(2) == [("OnTextMessage", "c", "1"), ("OnClose", "c", 4000, "enough")]
        assert order[:3] == ["OnTextMessage begins", "OnTextMessage ends", "OnClose begins"]


async def test_the_id_is_free_before_on_close_is_called() -> None:
    async with raw_server(hang_up) as server, socket_bench() as bench:
        found: list[str] = []

        async def behave(callback: Callback) -> None:
            found.append(await bench.send("x"))

        bench.host.behave = behave
        await bench.opened(server.url)
        await bench.told(2)
        await never_twice(bench)
        assert found == ["connection not found"] * 2


async def test_a_plugin_may_connect_again_under_the_same_id_in_on_close() -> None:
    second_script = sends(frame(1, b"again"))
    async with raw_server(sends(frame(8))) as first, raw_server(second_script) as second, socket_bench() as bench:

        async def behave(callback: Callback) -> None:
            if callback.method == "OnClose":
                await bench.opened(second.url)

        bench.host.behave = behave
        await bench.opened(first.url)
        assert await bench.told(2) == [("OnClose", "c", 1005, ""), ("OnTextMessage", "c", "again")]


Undo = Callable[[SocketBench], None]


@pytest.mark.parametrize(
    ("undo", "code", "end"),
    [
        (lambda bench: bench.service.forget(TEST_PLUGIN), 1001, SocketEnd.REMOVED),
        (lambda bench: bench.service.sockets.close(TEST_PLUGIN, "c", 4000, "by hand"), 4000, SocketEnd.USER),
    ],
)
async def test_a_connection_ended_by_the_host_says_why_to_the_server(undo: Undo, code: int, end: SocketEnd) -> None:
    answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    async with raw_server(sends(b"", answered_with=answers)) as server, socket_bench() as bench:
        await bench.opened(server.url)
        undo(bench)
        opcode, payload = await asyncio.wait_for(answers.get(), 5)
        assert (opcode, int.from_bytes(payload[:2], "big")) == (8, code)
        assert [event.end for event in bench.of(SocketClosed)] == [end]


async def test_a_removed_plugin_loses_its_connections_without_callbacks_and_nobody_elses() -> None:
    async with raw_server(sends(b"")) as server, socket_bench() as bench:
        other = socket_scope(PluginId("other"))
        await bench.opened(server.url, "1")
        await bench.opened(server.url, "2")
        await bench.opened(server.url, "1", scope=other)
        bench.service.forget(TEST_PLUGIN)
        assert [(info.plugin, info.connection_id) for info in bench.service.sockets.list()] == [("other", "1")]
        assert await bench.send("x", "1") == "connection not found"
        assert await bench.send("x", "1", scope=other) == ""
        assert bench.host.callbacks == []


async def test_an_end_that_was_not_told_yet_is_not_told_to_a_removed_plugin() -> None:
    async with raw_server(sends(frame(1, b"x"))) as server, socket_bench() as bench:
        never = asyncio.Event()

        async def behave(_callback: Callback) -> None:
            await never.wait()

        bench.host.behave = behave
        await bench.opened(server.url)
        await bench.told(1)
        assert await bench.close() == ""
        bench.service.forget(TEST_PLUGIN)
        await bench.host.settled("socket ")
        assert [item.method for item in bench.host.callbacks] == ["OnTextMessage"]


async def test_a_plugin_that_vanishes_while_its_socket_ends_is_nobodys_fault() -> None:
    async with raw_server(hang_up) as server, socket_bench() as bench:
        bench.host.removed.add(TEST_PLUGIN)
        await bench.opened(server.url)
        await bench.host.settled("socket ")
        assert len(bench.of(SocketClosed)) == 1
        assert bench.host.callbacks == []


async def test_closing_the_service_tells_the_server_that_it_goes_away() -> None:
    answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    server: RawServer
    async with raw_server(sends(b"", answered_with=answers)) as server:
        async with socket_bench() as bench:
            await bench.opened(server.url)
        assert await asyncio.wait_for(answers.get(), 5) == (8, struct.pack("!H", 1001))
        assert bench.host.callbacks == []


async def test_the_socket_of_a_removed_plugin_is_closed_once_the_server_hangs_up() -> None:
    async def half_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_closed(reader)
        writer.write_eof()
        assert await reader.read() == b""

    async with raw_server(half_close) as server, socket_bench() as bench:
        await bench.opened(server.url)
        bench.service.forget(TEST_PLUGIN)
        await asyncio.wait_for(server.ended.wait(), 3)


async def test_on_close_waits_until_close_has_answered() -> None:
    async with raw_server(sends(b"")) as server, socket_bench() as bench:
        await bench.opened(server.url)
        [connection] = bench.service._table.all()
        connection.close(Ending(end=SocketEnd.PLUGIN, code=4000))
        # The server has hung up by now, and the connection had every chance to tell its plugin.
        await asyncio.wait_for(server.ended.wait(), 5)
        await bench.host.settled("websocket farewell")
        assert bench.host.callbacks == []
        connection.tell_close()
        assert await bench.told(1) == [("OnClose", "c", 4000, "")]
