"""The websocket service against real servers on loopback, driven the way a plugin drives it: from other threads."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.message import Message

from engine.calls import PluginId
from engine.contracts.host import websocket_pb2 as pb
from engine.events import Event
from engine.host import SystemNetwork, WebSocketService
from engine.host.network import Network
from engine.plugins.permissions import Permissions, WebSocketPermission
from engine.plugins.url_routes import UrlRoute
from engine.settings import Limits
from tests.engine.host.fake_host import FakeHost
from tests.engine.host.fake_scope import TEST_PLUGIN, FakeScope

EventT = TypeVar("EventT", bound=Event)
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def websocket_permissions(*urls: str, allow_local_network: bool = True) -> Permissions:
    """Permissions with the websocket service alone; every URL unless told otherwise."""
    permission = WebSocketPermission(
        reason="tests", allowed_urls=urls or ("*",), allow_local_network=allow_local_network
    )
    return Permissions(websocket=permission)


def socket_scope(plugin: PluginId = TEST_PLUGIN, **members: Any) -> FakeScope:
    """A call of a plugin that may connect anywhere."""
    return FakeScope(plugin=plugin, **({"permissions": websocket_permissions()} | members))


@dataclass
class SocketBench:
    """A service that is started, and the host it lives in."""

    service: WebSocketService
    host: FakeHost
    scope: FakeScope = field(default_factory=socket_scope)

    async def connect(
        self,
        url: str,
        connection_id: str = "c",
        *,
        scope: FakeScope | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> pb.ConnectResponse:
        request = pb.ConnectRequest(url=url, connection_id=connection_id, headers=headers)
        answer = await self._call("Connect", request, scope)
        assert isinstance(answer, pb.ConnectResponse)
        return answer

    async def opened(self, url: str, connection_id: str = "c", *, scope: FakeScope | None = None) -> None:
        """Connect, and fail the test when that fails."""
        answer = await self.connect(url, connection_id, scope=scope)
        assert (answer.connection_id, answer.error) == (connection_id, "")

    async def send(self, message: str | bytes, connection_id: str = "c", *, scope: FakeScope | None = None) -> str:
        """The error text; empty for none."""
        answer: Message
        if isinstance(message, str):
            text = pb.SendTextRequest(connection_id=connection_id, message=message)
            answer = await self._call("SendText", text, scope)
            assert isinstance(answer, pb.SendTextResponse)
        else:
            binary = pb.SendBinaryRequest(connection_id=connection_id, data=message)
            answer = await self._call("SendBinary", binary, scope)
            assert isinstance(answer, pb.SendBinaryResponse)
        return answer.error

    async def close(self, code: int = 0, reason: str = "", connection_id: str = "c") -> str:
        """The error text; empty for none."""
        request = pb.CloseRequest(connection_id=connection_id, code=code, reason=reason)
        answer = await self._call("Close", request, None)
        assert isinstance(answer, pb.CloseResponse)
        return answer.error

    async def told(self, count: int) -> list[tuple[Any, ...]]:
        """The first `count` callbacks as the method and what it was given, once they came."""
        return [_plain(item.method, item.request) for item in (await self.host.called(count))[:count]]

    def of(self, kind: type[EventT]) -> list[EventT]:
        """The events of one type, in order."""
        return [event for event in self.host.events if isinstance(event, kind)]

    async def _call(self, method: str, request: Message, scope: FakeScope | None) -> Message:
        return await asyncio.to_thread(self.service.call, method, request, scope or self.scope)


@asynccontextmanager
async def socket_bench(
    *, limits: Limits | None = None, network: Network | None = None, routes: Sequence[UrlRoute] = ()
) -> AsyncIterator[SocketBench]:
    """A bench that ends in the order an engine does: tasks first, then the service."""
    chosen = network or SystemNetwork()
    service = WebSocketService(limits or Limits(), chosen, routes=routes)
    host = FakeHost()
    service.start(host)
    yield SocketBench(service=service, host=host)
    await host.tasks.close()
    service.close()
    chosen.close()
    # What `transport.abort` leaves to the loop.
    for _ in range(3):
        await asyncio.sleep(0)


@dataclass
class RawServer:
    """Shakes hands and then leaves every byte to a script; closes the connection when the script ends."""

    script: Script
    greeting: bytes = b""
    """Sent together with the end of the handshake."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """A script has ended."""
    port: int = 0
    scheme: str = "ws"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(accept(head) + self.greeting)
            await self.script(reader, writer)
        self.ended.set()
        writer.close()


def accept(head: bytes) -> bytes:
    """The answer that ends a handshake well."""
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
    token = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"
    )


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame as a server sends it; payloads below 64 KiB."""
    length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
    return bytes([(0x80 if fin else 0) | opcode]) + length + data


async def client_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of the next frame of the client; payloads below 126 bytes."""
    first, second = await reader.readexactly(2)
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(second & 0x7F)
    return first & 0x0F, bytes(byte ^ mask[position % 4] for position, byte in enumerate(masked))


async def until_closed(reader: asyncio.StreamReader) -> None:
    """Read until the client says that it closes, or is gone; what it says has fewer than 126 bytes."""
    opcode = -1
    while opcode != 8:
        opcode, _ = await client_frame(reader)


@asynccontextmanager
async def raw_server(
    script: Script, *, greeting: bytes = b"", tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """A server on a free port; its connections end with it."""
    raw = RawServer(script, greeting, scheme="ws" if tls is None else "wss")
    open_writers: list[asyncio.StreamWriter] = []
    serving: list[asyncio.Task[None]] = []

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.append(writer)
        serving.append(asyncio.ensure_future(raw.serve(reader, writer)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    raw.port = server.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        server.close()
        for writer in open_writers:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.wait_for(asyncio.gather(*serving), 5)


def _plain(method: str, request: Message) -> tuple[Any, ...]:
    values = (getattr(request, field.name) for field in request.DESCRIPTOR.fields)
    return (method, *values)
