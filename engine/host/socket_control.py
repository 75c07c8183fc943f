"""WebSocket connections seen and handled from outside the plugin: the workbench's and a test's hands on them."""

from __future__ import annotations

from engine.calls import PluginId
from engine.errors import InvalidRequest
from engine.events import SocketEnd
from engine.host.connection import Connection, Ending
from engine.host.connection_table import ConnectionTable
from engine.host.socket_info import FrameRecord, SocketInfo
from engine.host.talk import NotOpen, close_problem


class Sockets:
    """The open connections of all plugins; belongs to the engine's loop.

    Every method but `list` raises `InvalidRequest` for a connection that is not open.
    """

    def __init__(self, table: ConnectionTable, *, message_limit_bytes: int) -> None:
        self._table = table
        self._limit_bytes = message_limit_bytes

    def list(self, plugin: str | None = None) -> tuple[SocketInfo, ...]:
        """The open connections of one plugin, by its id, or of all."""
        found = self._table.all(None if plugin is None else PluginId(plugin))
        return tuple(connection.info() for connection in found)

    def frames(self, plugin: str, connection_id: str) -> tuple[FrameRecord, ...]:
        """The last 256 frames of a connection both ways, oldest first, with their first bytes."""
        return self._find(plugin, connection_id).frames()

    def inject(self, plugin: str, connection_id: str, message: str | bytes) -> None:
        """Deliver a text or binary frame as if the server had sent it; does not wait for the plugin.

        Raises `QuotaExceeded` when too many injected frames wait for the plugin.
        """
        self._refuse_large(message)
        self._find(plugin, connection_id).inject(message)

    async def send(self, plugin: str, connection_id: str, message: str | bytes) -> None:
        """Send a text or binary frame to the server as if the plugin had; waits until the network has taken it.

        Raises `InvalidRequest` with the cause when it cannot be sent.
        """
        self._refuse_large(message)
        connection = self._find(plugin, connection_id)
        try:
            await connection.send(message)
        except (NotOpen, OSError) as exc:
            raise InvalidRequest(f"failed to send message: {exc}", plugin=plugin) from exc

    def close(self, plugin: str, connection_id: str, code: int = 1000, reason: str = "") -> None:
        """Close a connection in order; the plugin gets OnClose with this code and reason.

        Raises `InvalidRequest` for a code or reason that must not be sent.
        """
        connection = self._find(plugin, connection_id)
        problem = close_problem(code, reason)
        if problem is not None:
            raise InvalidRequest(problem, plugin=plugin)
        connection.close(Ending(end=SocketEnd.USER, code=code, reason=reason))
        connection.tell_close()

    def drop(self, plugin: str, connection_id: str) -> None:
        """Cut a connection as if the network had failed: the plugin gets OnError, then OnClose with 1006."""
        self._find(plugin, connection_id).drop()

    def _find(self, plugin: str, connection_id: str) -> Connection:
        connection = self._table.find(PluginId(plugin), connection_id)
        if connection is None:
            known = ", ".join(item.origin.connection_id for item in self._table.all(PluginId(plugin))) or "none"
            raise InvalidRequest(
                f"connection not found: {connection_id}", hint=f"Open connections of {plugin}: {known}.", plugin=plugin
            )
        return connection

    def _refuse_large(self, message: str | bytes) -> None:
        size_bytes = len(message.encode()) if isinstance(message, str) else len(message)
        if size_bytes > self._limit_bytes:
            raise InvalidRequest(
                f"a message of {size_bytes} bytes is above the limit of {self._limit_bytes}",
                hint="Raise WebSocketMessage in [Workbench.Limits].",
            )
