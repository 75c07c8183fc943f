"""The websocket service: connections that the host keeps for plugins (spec behaviour sections 3, 8 and 20).

Owns the rpcs and how a connection is opened. One open connection is `connection.py`, the protocol `talk.py`, all of
them together `connection_table.py`, the view from outside `socket_control.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from engine.calls import PluginId
from engine.contracts.host.websocket_pb2 import (
    CloseRequest,
    CloseResponse,
    ConnectRequest,
    ConnectResponse,
    SendBinaryRequest,
    SendBinaryResponse,
    SendTextRequest,
    SendTextResponse,
)
from engine.errors import PermissionDenied, QuotaExceeded
from engine.events import SocketEnd, SocketOpened
from engine.host.base import Host, HostScope, HostService
from engine.host.connection import Connection, Ending, Origin
from engine.host.connection_table import ConnectionTable, Place
from engine.host.deadline import Deadline, RequestEnded
from engine.host.farewell import Farewells
from engine.host.headers import BadHeader, request_headers, with_userinfo
from engine.host.network import Network, NetworkFailure, Streams, Wire
from engine.host.on_loop import LoopErrand
from engine.host.routes import Destination, routed
from engine.host.socket_control import Sockets
from engine.host.talk import Arrived, NotOpen, Talk, close_problem
from engine.host.wire import error_text
from engine.plugins.permissions import WebSocketPermission, hint_for_service
from engine.plugins.url_routes import UrlRoute
from engine.plugins.url_rules import NormalUrl, check_websocket, decide_websocket
from engine.settings import Limits

_SHOWN_CHARS = 512
"""Longest URL that is repeated in a report."""
_HEAD_LIMIT_BYTES = 256 * 1024
"""What a server may send before the handshake is complete."""
_PIECE_BYTES = 8 * 1024

_NOT_FOUND = "connection not found"
_NORMAL_CLOSE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Where a permitted connection goes."""

    url: NormalUrl
    destination: Destination
    is_routed: bool


class WebSocketService(HostService):
    """Opens, keeps and closes connections; what arrives goes to the plugin's WebSocketCallback, one after another.

    The rpcs run on guests' threads and wait for the loop, where the connections live. A failure is an answer with an
    `error`, never a trap.
    """

    service = "WebSocketService"

    def __init__(self, limits: Limits, network: Network, *, routes: Sequence[UrlRoute] = ()) -> None:
        """Connect through `network`, which whoever made it closes."""
        self._limits = limits
        self._network = network
        self._routes = tuple(routes)
        self._table = ConnectionTable(limit=limits.websocket_connections)
        self.sockets = Sockets(self._table, message_limit_bytes=limits.websocket_message_bytes)
        """The connections as seen and controlled from outside."""

    # --- rpcs, on guests' threads

    def call(self, method: str, request: Message, scope: HostScope) -> Message:
        if isinstance(request, CloseRequest):
            # The rpc is named like the closing of the service.
            return self.close_connection(request, scope)
        return super().call(method, request, scope)

    def connect(self, request: ConnectRequest, scope: HostScope) -> ConnectResponse:
        started_ns = time.perf_counter_ns()
        deadline = self._deadline(scope, self._limits.websocket_handshake_s)
        try:
            way = self._way(request.url, scope, deadline)
            connection = self._connect(way, request, scope, deadline, started_ns)
        except PermissionDenied as exc:
            scope.refused(target=request.url[:_SHOWN_CHARS], reason=exc.summary, hint=exc.hint or "")
            return ConnectResponse(error=f"Connection blocked by plugin permissions: {exc.summary}")
        except (RequestEnded, BadHeader, NotOpen, QuotaExceeded, OSError) as exc:
            cause = error_text(exc) if isinstance(exc, OSError) else str(exc)
            return ConnectResponse(error=f"failed to connect to WebSocket server: {cause}")
        return ConnectResponse(connection_id=connection.origin.connection_id)

    def send_text(self, request: SendTextRequest, scope: HostScope) -> SendTextResponse:
        return SendTextResponse(error=self._send(request.connection_id, request.message, scope))

    def send_binary(self, request: SendBinaryRequest, scope: HostScope) -> SendBinaryResponse:
        return SendBinaryResponse(error=self._send(request.connection_id, request.data, scope))

    def close_connection(self, request: CloseRequest, scope: HostScope) -> CloseResponse:
        """The rpc `Close`."""
        ending = Ending(end=SocketEnd.PLUGIN, code=request.code or _NORMAL_CLOSE, reason=request.reason)

        async def work() -> Connection:
            connection = self._table.find(scope.plugin, request.connection_id)
            if connection is None:
                raise NotOpen(_NOT_FOUND)
            problem = close_problem(ending.code, ending.reason)
            if problem is not None:
                raise NotOpen(f"failed to close connection: {problem}")
            connection.close(ending)
            return connection

        try:
            errand = LoopErrand(self._host, f"close socket {request.connection_id}", work)
            connection = errand.run(self._deadline(scope, self._limits.call_timeout_s), undo=Connection.tell_close)
        except (RequestEnded, NotOpen, OSError) as exc:
            return CloseResponse(error=str(exc))
        # OnClose comes after this answer, so its release is the last thing that happens here.
        self._host.loop.call_soon_threadsafe(connection.tell_close)
        return CloseResponse()

    # --- the service, on the loop

    def start(self, host: Host) -> None:
        self._host = host
        self._farewells = Farewells(host)

    def init_finished(self, plugin: PluginId, generation: int, *, ok: bool) -> None:
        self._table.init_finished(plugin, generation, ok=ok)

    def forget(self, plugin: PluginId) -> None:
        self._table.forget(plugin)

    def close(self) -> None:
        self._table.abort_all()

    # --- opening a connection

    def _deadline(self, scope: HostScope, timeout_s: float) -> Deadline:
        remaining_s = scope.remaining_s()
        if remaining_s is not None:
            timeout_s = min(timeout_s, max(0.0, remaining_s))
        return Deadline(timeout_s=timeout_s, stop=scope.stop, stop_reason=lambda: scope.stop_reason)

    def _way(self, url: str, scope: HostScope, deadline: Deadline) -> _Way:
        """Where `url` leads; raises `PermissionDenied`, `OSError` or `RequestEnded`."""

        def look_up(host: str, port: int) -> Sequence[str]:
            return self._network.resolve(host, port, deadline)

        permission: WebSocketPermission | None = scope.permissions.websocket
        if permission is None:
            raise PermissionDenied("no allowed URLs configured for plugin", hint=hint_for_service("websocket"))
        judged = decide_websocket(permission, url)
        destination = routed(self._routes, judged, scope=scope, network=self._network, deadline=deadline)
        if destination is not None:
            return _Way(url=judged, destination=destination, is_routed=True)
        allowed = check_websocket(permission, url, look_up)
        return _Way(
            url=judged, destination=Destination(target=allowed.url, addresses=allowed.addresses), is_routed=False
        )

    def _connect(
        self, way: _Way, request: ConnectRequest, scope: HostScope, deadline: Deadline, started_ns: int
    ) -> Connection:
        target = way.destination.target
        headers: Mapping[str, str] = with_userinfo(request_headers(request.headers), way.url.userinfo)
        talk = Talk(target, headers, message_limit_bytes=self._limits.websocket_message_bytes)
        place = self._reserved(scope, request.connection_id, deadline)
        wire: Wire | None = None
        try:
            deadline.activity = f"connecting to {target.host}, port {target.port}"
            wire = dialled = self._network.connect(way.destination.addresses, target.port, deadline)
            deadline.activity = f"waiting for the handshake with {target.host}"
            origin = Origin(
                plugin=scope.plugin,
                connection_id=place.connection_id,
                url=way.url.text,
                routed_to=target.text if way.is_routed else None,
                made_by_init=scope.initialising,
            )

            async def work() -> Connection:
                streams, arrived = await self._shake_hands(dialled, target, talk)
                if not self._table.is_valid(place):
                    streams[1].transport.abort()
                    raise NotOpen("the plugin was removed meanwhile")
                self._host.bus.publish(
                    SocketOpened(
                        time_ns=self._host.clock.now_ns(),
                        plugin=scope.plugin,
                        call_id=scope.call_id,
                        connection_id=origin.connection_id,
                        url=origin.url,
                        routed_to=origin.routed_to,
                        duration_ns=time.perf_counter_ns() - started_ns,
                    )
                )
                return self._adopt(place, origin, streams, talk, arrived)

            return LoopErrand(self._host, f"connect {place.connection_id}", work).run(deadline, undo=_abandon)
        finally:
            self._host.loop.call_soon_threadsafe(self._table.give_back, place)
            if wire is not None:
                # On the loop, behind the work: closing does nothing where the work has taken the wire over.
                self._host.loop.call_soon_threadsafe(wire.close)

    def _reserved(self, scope: HostScope, connection_id: str, deadline: Deadline) -> Place:
        async def work() -> Place:
            return self._table.reserve(scope.plugin, connection_id)

        return LoopErrand(self._host, f"reserve {connection_id}", work).run(deadline, undo=self._table.give_back)

    async def _shake_hands(self, wire: Wire, target: NormalUrl, talk: Talk) -> tuple[Streams, list[Arrived]]:
        """The handshake; what arrives together with its end is passed on. Raises `NotOpen` or `OSError`."""
        streams = await self._network.stream(wire, target.host if target.scheme == "wss" else None)
        reader, writer = streams
        arrived: list[Arrived] = []
        received_bytes = 0
        try:
            writer.write(talk.outgoing())
            while not talk.is_open:
                data = await reader.read(_PIECE_BYTES)
                received_bytes += len(data)
                if received_bytes > _HEAD_LIMIT_BYTES:
                    raise NetworkFailure(f"response headers exceed the limit of {_HEAD_LIMIT_BYTES} bytes")
                arrived += talk.feed(data)
            writer.write(talk.outgoing())
        except BaseException:
            writer.transport.abort()
            raise
        return streams, arrived

    def _adopt(self, place: Place, origin: Origin, streams: Streams, talk: Talk, arrived: list[Arrived]) -> Connection:
        """Put a connection that is up into the table and set it going."""
        connection = Connection(
            origin,
            streams,
            talk,
            arrived,
            host=self._host,
            farewells=self._farewells,
            silence_s=self._limits.websocket_silence_s,
            on_end=self._table.drop,
            on_told=self._table.told,
        )
        self._table.add(connection, replaces=place.replaced)
        connection.start()
        return connection

    # --- sending

    def _send(self, connection_id: str, message: str | bytes, scope: HostScope) -> str:
        """Send a message; the error text, empty for none."""
        size_bytes = len(message.encode()) if isinstance(message, str) else len(message)
        limit_bytes = self._limits.websocket_message_bytes

        async def work() -> None:
            connection = self._table.find(scope.plugin, connection_id)
            if connection is None:
                raise LookupError(_NOT_FOUND)
            if size_bytes > limit_bytes:
                raise NotOpen(f"a message of {size_bytes} bytes is above the limit of {limit_bytes}")
            await connection.send(message)

        deadline = self._deadline(scope, self._limits.call_timeout_s)
        deadline.activity = "waiting for the server to take the message"
        try:
            LoopErrand(self._host, f"send to socket {connection_id}", work).run(deadline)
        except LookupError as exc:
            return str(exc)
        except (RequestEnded, NotOpen, OSError) as exc:
            return f"failed to send message: {error_text(exc) if isinstance(exc, OSError) else exc}"
        return ""


def _abandon(connection: Connection) -> None:
    """The call that wanted the connection ended in the moment it came up: its plugin never learns of it."""
    connection.remove(
        Ending(end=SocketEnd.REMOVED, code=_NORMAL_CLOSE, note="the call that connected ended before it had the answer")
    )
