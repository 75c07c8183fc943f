"""The websocket service against real servers: connecting, sending, receiving, limits."""

from __future__ import annotations

import asyncio
import re
import ssl

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from engine.calls import PluginId
from engine.events import FrameKind, SocketFrame, SocketOpened
from engine.host.network import SystemNetwork
from engine.plugins.permissions import Permissions
from engine.plugins.url_routes import parse_route
from engine.settings import Limits
from tests.engine.host.conftest import CERTIFICATE
from tests.engine.host.fake_host import Callback
from tests.engine.host.recorded_network import RecordedNetwork
from tests.engine.host.socket_bench import (
    client_frame,
    frame,
    raw_server,
    socket_bench,
    socket_scope,
    websocket_permissions,
)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def url_of(server: Server, *, host: str = "127.0.0.1", scheme: str = "ws", path: str = "/") -> str:
    return f"{scheme}://{host}:{next(iter(server.sockets)).getsockname()[1]}{path}"


async def hold(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read whatever comes until the client is gone."""
    while await reader.read(65536):
        pass


async def test_text_and_binary_messages_go_out_and_come_back_as_callbacks() -> None:
    async with serve(echo, "127.0.0.1", 0) as server, socket_bench() as bench:
        await bench.opened(url_of(server), "chat:lobby:7")
        assert await bench.send("héllo", "chat:lobby:7") == ""
        assert await bench.send(b"\x00\xff", "chat:lobby:7") == ""
        assert await bench.told(2) == [
            ("OnTextMessage", "chat:lobby:7", "héllo"),
            ("OnBinaryMessage", "chat:lobby:7", b"\x00\xff"),
        ]
        assert bench.host.callbacks[0].cause == "socket chat:lobby:7"


async def test_the_handshake_carries_the_plugins_headers_and_nothing_it_must_not_choose() -> None:
    seen: list[Request] = []

    def look(_connection: ServerConnection, request: Request) -> None:
        seen.append(request)

    async with (
        serve(echo, "127.0.0.1", 0, process_request=look, subprotocols=[Subprotocol("v2.chat")]) as server,
        socket_bench() as bench,
    ):
        url = url_of(server, host="user:pa%20ss@127.0.0.1", path="/a%20b?q=1&r=ü")
        headers = {"Host": "evil.test", "x-token": "käse", "origin": "https://app.example"}
        answer = await bench.connect(url, headers=headers | {"sec-websocket-protocol": "v1.chat, v2.chat"})
        assert answer.error == ""
    [request] = seen
    assert request.path == "/a%20b?q=1&r=%C3%BC"
    assert request.headers["Host"].startswith("127.0.0.1:")
    assert request.headers["X-Token"].encode("latin-1").decode() == "käse"
    assert request.headers["Origin"] == "https://app.example"
    assert request.headers["Authorization"] == "Basic dXNlcjpwYSBzcw=="
    assert request.headers["User-Agent"] == "navidrome-workbench"
    assert "Sec-WebSocket-Extensions" not in request.headers


async def test_headers_that_belong_to_the_handshake_are_refused() -> None:
    async with socket_bench() as bench:
        for name in ("upgrade", "sec-websocket-key", "sec-websocket-extensions"):
            answer = await bench.connect("ws://127.0.0.1:9/", headers={name: "x"})
            assert answer.error.startswith("failed to connect to WebSocket server: websocket: duplicate header not")
        answer = await bench.connect("ws://127.0.0.1:9/", headers={"Sec-WebSocket-Protocol": "not a token"})
        assert "invalid subprotocol" in answer.error


async def test_an_empty_id_is_answered_with_a_random_one() -> None:
    async with serve(echo, "127.0.0.1", 0) as server, socket_bench() as bench:
        ids = {(await bench.connect(url_of(server), "")).connection_id for _ in range(2)}
        assert len(ids) == 2
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{10}", connection_id) for connection_id in ids)


async def test_connecting_with_an_id_in_use_closes_the_old_connection_without_a_callback() -> None:
    closes: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def note_close(connection: ServerConnection) -> None:
        await connection.wait_closed()
        closes.put_nowait((connection.close_code, connection.close_reason))

    async with serve(note_close, "127.0.0.1", 0) as server, socket_bench() as bench:
        await bench.opened(url_of(server))
        await bench.opened(url_of(server))
        assert await asyncio.wait_for(closes.get(), 5) == (1000, "")
        assert len(bench.service.sockets.list()) == 1
        assert bench.host.callbacks == []


async def test_two_plugins_may_use_the_same_id() -> None:
    async with serve(echo, "127.0.0.1", 0) as server, socket_bench() as bench:
        one, other = socket_scope(PluginId("x")), socket_scope(PluginId("x:y"))
        await bench.opened(url_of(server), "y:z", scope=one)
        await bench.opened(url_of(server), "z", scope=other)
        assert await bench.send("one", "y:z", scope=one) == ""
        assert await bench.send("other", "z", scope=other) == ""
        await bench.told(2)
        assert {(item.plugin, item.request.message) for item in bench.host.callbacks} == {  # type: ignore[attr-defined]
            ("x", "one"),
            ("x:y", "other"),
        }


@pytest.mark.parametrize(
    ("status", "headers", "cause"),
    [
        (403, {}, "websocket: bad handshake: the server answered 403 Forbidden"),
        (302, {"Location": "ws://127.0.0.1:9/"}, "websocket: bad handshake: the server answered 302 Found"),
        (200, {}, "websocket: bad handshake: the server answered 200 OK"),
    ],
)
async def test_an_answer_that_is_no_upgrade_fails_and_no_redirect_is_followed(
    status: int, headers: dict[str, str], cause: str
) -> None:
    reasons = {403: "Forbidden", 302: "Found", 200: "OK"}

    def refuse(_connection: ServerConnection, _request: Request) -> Response:
        return Response(status, reasons[status], Headers(headers | {"Content-Length": "0"}))

    async with serve(echo, "127.0.0.1", 0, process_request=refuse) as server, socket_bench() as bench:
        answer = await bench.connect(url_of(server))
        assert answer.error == f"failed to connect to WebSocket server: {cause}"
        assert answer.connection_id == ""
        assert await bench.send("x") == "connection not found"


async def test_a_server_that_is_not_there_or_speaks_no_http_fails_with_the_cause() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n\r\n")
        writer.close()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 x\r\n" + b"A: b\r\n" * 100_000)
        await reader.read()
        writer.close()

    async with socket_bench() as bench:
        for script in (babble, flood):
            server = await asyncio.start_server(script, "127.0.0.1", 0)
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            answer = await bench.connect(url)
            assert answer.error.startswith("failed to connect to WebSocket server: websocket: bad handshake: ")
            server.close()
            await server.wait_closed()
        answer = await bench.connect(url)
        assert re.fullmatch(
            r"failed to connect to WebSocket server: dial tcp 127\.0\.0\.1:\d+: connect: connection refused",
            answer.error,
        )


async def test_a_refused_url_is_reported_with_the_manifest_line_that_would_allow_it() -> None:
    async with socket_bench() as bench:
        scope = socket_scope(permissions=websocket_permissions("wss://a.example/*", allow_local_network=False))
        answer = await bench.connect("wss://b.example/x", scope=scope)
        assert answer.error == (
            "Connection blocked by plugin permissions: URL wss://b.example/x does not match any allowed URL patterns"
        )
        [refusal] = scope.refusals
        assert '"websocket": {"allowedUrls": ["wss://b.example/*"]}' in refusal.hint
        local = socket_scope(permissions=websocket_permissions(allow_local_network=False))
        answer = await bench.connect("ws://localhost:1/", scope=local)
        assert answer.error == "Connection blocked by plugin permissions: requests to localhost are not allowed"
        nothing = await bench.connect("ws://a.example/", scope=socket_scope(permissions=Permissions()))
        assert nothing.error == "Connection blocked by plugin permissions: no allowed URLs configured for plugin"
        assert (await bench.connect("http://a.example/")).error.startswith(
            "Connection blocked by plugin permissions: invalid URL: "
        )


async def test_a_name_that_resolves_inside_is_refused_before_anything_is_dialled() -> None:
    network = RecordedNetwork(names={"a.example": ("8.8.4.4", "10.0.0.1")})
    async with socket_bench(network=network) as bench:
        scope = socket_scope(permissions=websocket_permissions(allow_local_network=False))
        answer = await bench.connect("ws://a.example/", scope=scope)
        assert (
            answer.error == "Connection blocked by plugin permissions: requests to private IP addresses are not allowed"
        )
        assert network.lookups == ["a.example"]


async def test_a_plugin_has_so_many_connections_and_no_more_but_may_replace_one() -> None:
    limits = Limits(websocket_connections=2)
    async with serve(echo, "127.0.0.1", 0) as server, socket_bench(limits=limits) as bench:
        await bench.opened(url_of(server), "1")
        await bench.opened(url_of(server), "2")
        answer = await bench.connect(url_of(server), "3")
        assert answer.error == (
            "failed to connect to WebSocket server: the plugin has 2 connections already, which is the limit"
        )
        await bench.opened(url_of(server), "2")
        await bench.opened(url_of(server), "3", scope=socket_scope(PluginId("other")))
        assert await bench.close(connection_id="1") == ""
        await bench.opened(url_of(server), "3")


async def test_a_failed_connect_leaves_its_place_to_others() -> None:
    limits = Limits(websocket_connections=1)
    async with serve(echo, "127.0.0.1", 0) as server, socket_bench(limits=limits) as bench:
        assert (await bench.connect("ws://127.0.0.1:9/")).error
        await bench.opened(url_of(server))


async def test_a_cancelled_connect_leaves_a_silent_server_at_once() -> None:
    accepted = asyncio.Event()
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        accepted.set()
        assert await reader.read() == b""
        gone.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with socket_bench() as bench:
        connecting = asyncio.ensure_future(bench.connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
        await accepted.wait()
        bench.scope.stop.set()
        assert (await connecting).error == "failed to connect to WebSocket server: context canceled"
        await asyncio.wait_for(gone.wait(), 5)
        assert bench.service.sockets.list() == ()
    server.close()
    await server.wait_closed()


async def test_the_handshake_ends_with_its_limit_or_with_the_calls_deadline() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with socket_bench(limits=Limits(websocket_handshake_s=0.1)) as bench:
        answer = await bench.connect(url)
        assert "context deadline exceeded: the time limit of 100 ms passed while waiting for the hand" in answer.error
    async with socket_bench() as bench:
        answer = await bench.connect(url, scope=socket_scope(left_s=0.05))
        assert "context deadline exceeded: the time limit of 50 ms" in answer.error
    server.close()
    await server.wait_closed()


async def test_sending_to_a_server_that_takes_nothing_ends_with_the_call() -> None:
    stop = asyncio.Event()

    async def deaf(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await stop.wait()

    async with raw_server(deaf) as server, socket_bench() as bench:
        await bench.opened(server.url)
        error = ""
        while not error:
            error = await bench.send(b"x" * 4_000_000, scope=socket_scope(left_s=0.2))
        assert error.startswith("failed to send message: context deadline exceeded: ")
        stop.set()


async def test_a_message_above_the_limit_is_not_sent_and_the_connection_stays() -> None:
    async with serve(echo, "127.0.0.1", 0) as server, socket_bench(limits=Limits(websocket_message_bytes=5)) as bench:
        await bench.opened(url_of(server))
        assert await bench.send("sechs!") == "failed to send message: a message of 6 bytes is above the limit of 5"
        assert await bench.send("fünf") == ""
        assert await bench.told(1) == [("OnTextMessage", "c", "fünf")]


async def test_messages_are_delivered_one_after_another_and_nothing_is_read_meanwhile() -> None:
    running, most, release = 0, 0, asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(50):
            writer.write(frame(1, str(number).encode()))
        await hold(reader, writer)

    async with raw_server(script) as server, socket_bench() as bench:

        async def behave(_callback: object) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await release.wait()
            running -= 1

        bench.host.behave = behave
        await bench.opened(server.url)
        assert await bench.told(1) == [("OnTextMessage", "c", "0")]
        release.set()
        assert [item[2] for item in await bench.told(50)] == [str(number) for number in range(50)]
        assert most == 1


async def test_a_fragmented_message_is_delivered_whole_with_control_frames_in_between() -> None:
    pongs: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(1, b"one ", fin=False) + frame(9, b"still there?") + frame(0, b"", fin=False))
        writer.write(frame(0, b"message") + frame(2, b"next"))
        pongs.put_nowait(await client_frame(reader))
        await hold(reader, writer)

    async with raw_server(script) as server, socket_bench() as bench:
        await bench.opened(server.url)
        assert await bench.told(2) == [("OnTextMessage", "c", "one message"), ("OnBinaryMessage", "c", b"next")]
        assert await asyncio.wait_for(pongs.get(), 5) == (10, b"still there?")


async def test_invalid_utf8_in_a_text_frame_is_repaired_for_the_plugin() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(1, b"caf\xe9"))
        await hold(reader, writer)

    async with raw_server(script) as server, socket_bench() as bench:
        await bench.opened(server.url)
        assert await bench.told(1) == [("OnTextMessage", "c", "caf\ufffd")]
        assert [event.is_repaired for event in bench.of(SocketFrame)] == [True]


async def test_frames_that_come_with_the_end_of_the_handshake_are_not_lost() -> None:
    async with raw_server(hold, greeting=frame(1, b"early")) as server, socket_bench() as bench:
        await bench.opened(server.url)
        assert await bench.told(1) == [("OnTextMessage", "c", "early")]


async def test_a_thousand_frames_arrive_once_each_and_in_order() -> None:
    count = 1000

    async def burst(connection: ServerConnection) -> None:
        for number in range(count):
            await connection.send(str(number))
        await connection.wait_closed()

    async with serve(burst, "127.0.0.1", 0) as server, socket_bench() as bench:
        await bench.opened(url_of(server))
        assert [int(item[2]) for item in await bench.told(count)] == list(range(count))
        [info] = bench.service.sockets.list()
        assert info.frames_received == count
        assert len(bench.service.sockets.frames(info.plugin, "c")) == 256


async def test_tls_checks_the_certificate_for_the_name_of_the_url(network: SystemNetwork) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with serve(echo, "127.0.0.1", 0, ssl=context) as server, socket_bench(network=network) as bench:
        await bench.opened(url_of(server, scheme="wss"))
        assert await bench.send("secret") == ""
        assert await bench.told(1) == [("OnTextMessage", "c", "secret")]
    async with serve(echo, "127.0.0.1", 0, ssl=context) as server, socket_bench() as bench:
        answer = await bench.connect(url_of(server, scheme="wss"))
        assert answer.error.startswith("failed to connect to WebSocket server: tls: failed to verify certificate: ")


async def test_what_a_server_said_before_it_hung_up_is_not_lost_on_a_busy_plugin(network: SystemNetwork) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def speak_and_leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            # More than is parsed at a time, so that some of it waits to be read when the connection is gone.
            writer.write(frame(2, bytes(3000)))
        writer.write(frame(8, b"\x0f\xa0all said"))

    async with raw_server(speak_and_leave, tls=context) as server, socket_bench(network=network) as bench:

        async def behave(callback: Callback) -> None:
            if len(bench.host.callbacks) == 1:
                await server.ended.wait()
                await asyncio.sleep(0.1)

        bench.host.behave = behave
        await bench.opened(server.url)
        *messages, end = await bench.told(4)
        assert [item[0] for item in messages] == ["OnBinaryMessage"] * 3
        assert end == ("OnClose", "c", 4000, "all said")


async def test_a_route_leads_a_connection_elsewhere_without_a_look_up_of_its_name() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        target = url_of(server, path="/mock")
        route = parse_route("wss://stream.example/*", target)
        async with socket_bench(routes=[route]) as bench:
            scope = socket_scope(permissions=websocket_permissions("wss://stream.example/*", allow_local_network=False))
            answer = await bench.connect("wss://stream.example/v1?x=1", scope=scope)
            assert answer.error == ""
            [event] = bench.of(SocketOpened)
            assert (event.url, event.routed_to) == ("wss://stream.example/v1?x=1", f"{target}/v1?x=1")
            assert scope.notes == [
                f'routed to {target}/v1?x=1 by the route "wss://stream.example/*" of [Workbench.Routes]'
            ]
            refused = await bench.connect("wss://other.example/", scope=scope)
            assert "does not match any allowed URL patterns" in refused.error


async def test_control_frames_are_kept_with_their_direction() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(9, b"a"))
        await client_frame(reader)
        writer.write(frame(1, b"b"))
        await hold(reader, writer)

    async with raw_server(script) as server, socket_bench() as bench:
        await bench.opened(server.url)
        await bench.told(1)
        frames = bench.service.sockets.frames("test-plugin", "c")
        assert [(item.is_sent, item.kind, item.size_bytes, item.head) for item in frames] == [
            (False, FrameKind.PING, 1, b"a"),
            (True, FrameKind.PONG, 1, b"a"),
            (False, FrameKind.TEXT, 1, b"b"),
        ]
