"""Connections that wait for their server to hang up: with a limit, and not too many of them."""

from __future__ import annotations

import asyncio

from engine.host.farewell import Farewells
from tests.engine.host.fake_host import FakeHost


async def test_at_most_64_connections_wait_and_a_further_one_is_cut() -> None:
    host = FakeHost()
    farewells = Farewells(host)
    left = asyncio.Semaphore(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.release()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    writers = []
    for _ in range(65):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        farewells.say((reader, writer))
    await asyncio.wait_for(left.acquire(), 5)
    assert [writer.transport.is_closing() for writer in writers] == [False] * 64 + [True]
    # The engine closes: nothing waits on.
    await host.tasks.close()
    for _ in range(64):
        await asyncio.wait_for(left.acquire(), 5)
    server.close()
    await server.wait_closed()


async def test_a_connection_is_let_go_as_soon_as_the_server_hangs_up() -> None:
    host = FakeHost()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"what nobody reads any more")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    streams = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    Farewells(host).say(streams)
    await host.settled("websocket farewell")
    await asyncio.sleep(0)
    assert streams[1].transport.is_closing()
    server.close()
    await server.wait_closed()
