"""A real server on loopback that a test scripts byte by byte: sockets and threads, no HTTP library."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    """Names as they were spelt, in order; values read as UTF-8."""
    body: bytes

    def __getitem__(self, name: str) -> str:
        """The value of the only header field with exactly this spelling."""
        (value,) = [value for spelling, value in self.fields if spelling == name]
        return value

    def __contains__(self, name: str) -> bool:
        return any(spelling.lower() == name.lower() for spelling, _ in self.fields)


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket, server: LoopbackServer) -> None:
        self._connection = connection
        self._server = server
        self._reader = connection.makefile("rb")

    def receive(self) -> Received:
        """Read one request, which is also kept in `LoopbackServer.requests`."""
        method, target, _ = self._reader.readline().decode().split(" ", 2)
        fields = []
        while line := self._reader.readline().decode().rstrip("\r\n"):
            name, _, value = line.partition(": ")
            fields.append((name, value))
        length = next((int(value) for name, value in fields if name == "Content-Length"), 0)
        request = Received(method=method, target=target, fields=tuple(fields), body=self._reader.read(length))
        self._server.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def drip(self, data: bytes, *, pause_s: float = 0.01) -> None:
        """Send byte by byte until the client is gone or the server closes."""
        for position in range(len(data)):
            if self._server.is_closing.wait(pause_s):
                return
            self.send(data[position : position + 1])

    def cut(self) -> None:
        """Close the connection below TLS, without a word."""
        self._connection.shutdown(socket.SHUT_RDWR)

    def forward_to(self, other: socket.socket) -> None:
        """Pass on what the client sends until it closes."""
        while data := self._connection.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_RDWR)

    def forward_from(self, other: socket.socket) -> None:
        """Pass on to the client what `other` sends until that closes."""
        with contextlib.suppress(OSError):
            while data := other.recv(65536):
                self._connection.sendall(data)

    def hold(self, limit_s: float) -> None:
        """Do nothing for `limit_s`, or until the test is over."""
        self._server.is_closing.wait(limit_s)

    def wait_for_close(self) -> None:
        """Wait until the client closes its end; whatever it sends before is read and dropped."""
        while self._reader.read(65536):
            pass
        self._server.closed_by_client.set()


Script = Callable[[Peer], None]


@dataclass
class LoopbackServer:
    """Listens on a free port; runs `script` on a thread of its own for each connection, then closes that."""

    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    is_closing: threading.Event = field(default_factory=threading.Event)
    closed_by_client: threading.Event = field(default_factory=threading.Event)
    """Set when a script saw the client close the connection."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, name="loopback accept")]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closing.set()
        # Closing a listener does not wake a thread that accepts on it; a last connection does.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
            pass
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive(), "a script of the loopback server did not end"
        self._listener.close()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def url(self, path: str = "/") -> str:
        """The address of `path` on this server."""
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.is_closing.is_set():
                connection.close()
                return
            self.connections += 1
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), name="loopback connection")
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        # A client that goes away in the middle is what many tests are about.
        with contextlib.suppress(OSError, ValueError), self._secured(plain) as connection:
            self.script(Peer(connection, self))
        self._open.discard(plain)
        plain.close()

    @contextlib.contextmanager
    def _secured(self, plain: socket.socket) -> Iterator[socket.socket]:
        if self.tls is None:
            yield plain
        else:
            with self.tls.wrap_socket(plain, server_side=True) as encrypted:
                yield encrypted


def answers(*responses: bytes) -> Script:
    """One connection that answers each request in turn, and then waits for the client to close."""

    def script(peer: Peer) -> None:
        for response in responses:
            peer.receive()
            peer.send(response)
        peer.wait_for_close()

    return script


def response(body: bytes = b"", *, status: str = "200 OK", **fields: str) -> bytes:
    """A complete answer with `Content-Length`; underscores in field names stand for hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
