"""The seam between the host services and the outside: looking up names, and connections as plain bytes.

`SystemNetwork` is the real one. Tests, recorded traffic and fault injection bring their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from engine.host.deadline import Deadline
from engine.host.lookup import NameLookup
from engine.host.sockets import SocketWire, connect_first
from engine.host.tls import TlsWire, tls_text, trusted_context
from engine.host.wire import NetworkFailure, Wire, error_text

__all__ = ["Network", "NetworkFailure", "Streams", "SystemNetwork", "Wire"]

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_STREAM_BYTES: Final = 64 * 1024
"""What a stream reads ahead is about twice this; then the server has to wait."""


class Network(Protocol):
    """What host services need of the outside world. Methods run on guest threads, several at once."""

    def resolve(self, host: str, port: int, deadline: Deadline) -> Sequence[str]:
        """The IP addresses of a name, or the literal itself; raises `NetworkFailure` or `RequestEnded`."""
        ...

    def connect(self, addresses: Sequence[str], port: int, deadline: Deadline) -> Wire:
        """A connection to the first of the IP `addresses` that takes one; never looks anything up.

        Raises `NetworkFailure` or `RequestEnded`. The caller closes the wire.
        """
        ...

    def start_tls(self, wire: Wire, server_name: str, deadline: Deadline) -> Wire:
        """Put TLS on top of `wire`, whose certificate must be for `server_name`; raises as `connect` does."""
        ...

    async def stream(self, wire: Wire, server_name: str | None) -> Streams:
        """Carry on with a `wire` of `connect` on the event loop, which this runs on, for a connection that lasts.

        With a `server_name` TLS is put on top. Takes the wire over; raises `NetworkFailure`. The caller aborts or
        closes the stream's transport.
        """
        ...

    def prepare(self) -> None:
        """Make what the first connection would have to wait for. Blocks: for a thread; never raises."""
        ...

    def close(self) -> None:
        """Release what the network holds; wires that are open stay open."""
        ...


class SystemNetwork:
    """The machine's network."""

    def __init__(self, *, tls_context: Callable[[], ssl.SSLContext] = trusted_context) -> None:
        """`tls_context` makes the context for https (45 ms); it is called once, by `prepare` or at first need."""
        self._lookup = NameLookup()
        self._make_context = tls_context
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def resolve(self, host: str, port: int, deadline: Deadline) -> Sequence[str]:
        return self._lookup.addresses(host, port, deadline)

    def connect(self, addresses: Sequence[str], port: int, deadline: Deadline) -> Wire:
        return connect_first(addresses, port, deadline)

    def start_tls(self, wire: Wire, server_name: str, deadline: Deadline) -> Wire:
        return TlsWire(wire, self._tls_context(), server_name, deadline)

    async def stream(self, wire: Wire, server_name: str | None) -> Streams:
        assert isinstance(wire, SocketWire), "a wire of this network's own `connect`"
        # Making the context reads files; the loop must not wait for that.
        context = None if server_name is None else await asyncio.to_thread(self._tls_context)
        connection = wire.detach()
        try:
            return await asyncio.open_connection(
                sock=connection, ssl=context, server_hostname=server_name, limit=_STREAM_BYTES
            )
        except BaseException as exc:
            connection.close()
            if isinstance(exc, ssl.SSLError):
                raise NetworkFailure(tls_text(exc)) from exc
            if isinstance(exc, OSError):
                raise NetworkFailure(f"tls: {error_text(exc)}") from exc
            if isinstance(exc, ValueError):
                raise NetworkFailure(f"tls: no certificate can be for the host name {server_name!r}") from exc
            raise

    def prepare(self) -> None:
        with self._lock, contextlib.suppress(ImportError, OSError):  # the first connection says what is wrong
            if self._context is None and not self._is_closed:
                self._context = self._make_context()

    def close(self) -> None:
        self._is_closed = True
        self._lookup.close()

    def _tls_context(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = self._make_context()
            return self._context
