"""One HTTP/1.1 exchange over one connection to addresses that were checked before.

Translates between httpx's messages, httpcore's protocol engine and our own wires. Imported at the first request:
httpx costs about 0.1 s, and pulls in click and Rich where those are installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpcore
import httpx

from engine.host.deadline import Deadline
from engine.host.network import Network, NetworkFailure, Wire
from engine.host.proxy import Proxy
from engine.plugins.url_rules import NormalUrl

HEAD_LIMIT_BYTES = 256 * 1024
"""What a server may send before its answer's head is complete, provisional (1xx) answers included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where one request goes: its judged URL, and either the checked addresses or the user's proxy."""

    url: NormalUrl
    addresses: tuple[str, ...]
    proxy: Proxy | None = None
    led_to: NormalUrl | None = None
    """What is sent in place of `url`, by a route of the user."""

    @property
    def target(self) -> NormalUrl:
        """What is sent."""
        return self.led_to or self.url

    @property
    def authority(self) -> str:
        """Host and, unless it is the scheme's own, port: the value of the `Host` header."""
        is_default = self.target.port == {"http": 80, "https": 443}[self.target.scheme]
        return self.url_host if is_default else f"{self.url_host}:{self.target.port}"

    @property
    def url_host(self) -> str:
        """The host as a URL writes it."""
        return f"[{self.target.host}]" if ":" in self.target.host else self.target.host


class OneHopTransport(httpx.BaseTransport):
    """Sends a single request. An `httpx.Client` on top would bring a cookie jar, netrc and redirects of its own.

    Raises `NetworkFailure`, `RequestEnded` and httpcore's protocol errors.
    """

    def __init__(self, network: Network, route: Route, deadline: Deadline) -> None:
        self._network = network
        self._route = route
        self._deadline = deadline
        self._stream: _WireStream | None = None

    @property
    def is_at_end(self) -> bool:
        """Whether the server closed its side of the connection."""
        return self._stream is not None and self._stream.is_at_end

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Connect, send `request` and read the head of the answer; the body is read through the response.

        The extension `target` is what is sent as the request's target, to the letter.
        """
        stream = self._connect()
        url, proxy = self._route.target, self._route.proxy
        target: bytes = request.extensions["target"]
        headers = request.headers.raw
        if proxy is not None and url.scheme == "http":
            # A plain request goes to the proxy whole, with the absolute URL as its target.
            target = b"http://" + self._route.authority.encode("ascii") + target
            headers = headers + proxy.headers
        self._deadline.activity = "waiting for the answer"
        answer = stream.exchange(request.method, self._origin(), target, headers, request.content)
        return httpx.Response(answer.status, headers=answer.headers, stream=_AnswerStream(answer))

    def close(self) -> None:
        """Close the connection; may be called more than once."""
        if self._stream is not None:
            self._stream.close()

    def _connect(self) -> _WireStream:
        """A connection that speaks HTTP with the server, or with the proxy for it."""
        url, proxy = self._route.target, self._route.proxy
        if proxy is None:
            stream = self._dial(url.host, url.port, self._route.addresses)
        else:
            addresses = self._network.resolve(proxy.host, proxy.port, self._deadline)
            stream = self._dial(proxy.host, proxy.port, addresses)
            if proxy.scheme == "https":
                self._encrypt(stream, proxy.host)
            if url.scheme == "https":
                self._tunnel(stream, proxy)
        if url.scheme == "https":
            self._encrypt(stream, url.host)
        return stream

    def _dial(self, host: str, port: int, addresses: Sequence[str]) -> _WireStream:
        self._deadline.activity = f"connecting to {host}, port {port}"
        stream = _WireStream(self._network.connect(addresses, port, self._deadline), self._deadline)
        self._stream = stream
        return stream

    def _encrypt(self, stream: _WireStream, server_name: str) -> None:
        self._deadline.activity = f"setting up TLS with {server_name}"
        stream.wire = self._network.start_tls(stream.wire, server_name, self._deadline)

    def _tunnel(self, stream: _WireStream, proxy: Proxy) -> None:
        """Have the proxy connect to the server and pass on bytes from then on."""
        self._deadline.activity = f"waiting for a tunnel through the proxy {proxy.host}"
        target = f"{self._route.url_host}:{self._route.target.port}".encode("ascii")
        answer = stream.exchange("CONNECT", self._origin(), target, [(b"Host", target), *proxy.headers], b"")
        if not 200 <= answer.status < 300:
            raise NetworkFailure(f"proxyconnect tcp: the proxy {proxy.host} answered {answer.status}")

    def _origin(self) -> httpcore.Origin:
        url = self._route.target
        return httpcore.Origin(url.scheme.encode("ascii"), url.host.encode("ascii"), url.port)


class _WireStream(httpcore.NetworkStream):
    """A wire in the form that httpcore's protocol engine takes; `wire` is replaced when TLS is put on top.

    The timeouts that httpcore passes are not used: they start anew with every byte, the deadline does not.
    """

    def __init__(self, wire: Wire, deadline: Deadline) -> None:
        self.wire = wire
        self.is_at_end = False
        self._deadline = deadline
        self._head_bytes: int | None = None

    def exchange(
        self, method: str, origin: httpcore.Origin, target: bytes, headers: list[tuple[bytes, bytes]], content: bytes
    ) -> httpcore.Response:
        """Send one request and read the head of its answer."""
        url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=target)
        connection = httpcore.HTTP11Connection(origin=url.origin, stream=self)
        self._head_bytes = 0
        answer = connection.handle_request(httpcore.Request(method, url, headers=headers, content=content))
        self._head_bytes = None
        return answer

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received = self.wire.read(max_bytes, self._deadline)
        self.is_at_end = not received
        if self._head_bytes is not None:
            self._head_bytes += len(received)
            if self._head_bytes > HEAD_LIMIT_BYTES:
                raise NetworkFailure(f"response headers exceed the limit of {HEAD_LIMIT_BYTES} bytes")
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self.wire.write(buffer, self._deadline)
        except NetworkFailure as exc:
            # httpcore goes on to read after this one: servers may answer and close before they took everything.
            raise httpcore.WriteError(str(exc)) from exc

    def close(self) -> None:
        self.wire.close()


class _AnswerStream(httpx.SyncByteStream):
    """The body of an answer, read piece by piece from the connection."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
