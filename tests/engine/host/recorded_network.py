"""A `Network` without a network: names resolve as told, and every URL has a canned answer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.host.deadline import Deadline
from engine.host.network import NetworkFailure, Streams, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request that reached the recorded network."""

    address: str
    port: int
    is_encrypted: bool
    head: str

    @property
    def method(self) -> str:
        return self.head.split(" ", 1)[0]

    @property
    def url(self) -> str:
        """The URL that the request line and `Host` name."""
        target = self.head.split(" ", 2)[1]
        return f"{'https' if self.is_encrypted else 'http'}://{self['Host']}{target}"

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    @property
    def fields(self) -> dict[str, str]:
        lines = self.head.split("\r\n")[1:]
        return dict((line.split(": ", 1)[0], line.split(": ", 1)[1]) for line in lines if line)


@dataclass
class RecordedNetwork:
    """Answers `answers[url]`, any other URL with an empty 200; keeps what was asked and sent."""

    answers: Mapping[str, bytes] = field(default_factory=dict)
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Addresses of names; every other name is a public address."""
    lookups: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    is_closed: bool = False
    preparations: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    """The name of each thread that had it prepared."""

    def resolve(self, host: str, port: int, deadline: Deadline) -> Sequence[str]:
        self.lookups.append(host)
        addresses = self.names.get(host, ("8.8.4.4",))
        if not addresses:
            raise NetworkFailure(f"dial tcp: lookup {host}: no such host")
        return addresses

    def connect(self, addresses: Sequence[str], port: int, deadline: Deadline) -> Wire:
        return _RecordedWire(self, addresses[0], port)

    def start_tls(self, wire: Wire, server_name: str, deadline: Deadline) -> Wire:
        assert isinstance(wire, _RecordedWire)
        wire.is_encrypted = True
        return wire

    async def stream(self, wire: Wire, server_name: str | None) -> Streams:
        raise NetworkFailure("nothing is recorded of connections that last")

    def prepare(self) -> None:
        self.preparations.put(threading.current_thread().name)

    def close(self) -> None:
        self.is_closed = True


class _RecordedWire:
    def __init__(self, network: RecordedNetwork, address: str, port: int) -> None:
        self.is_encrypted = False
        self._network = network
        self._address = address
        self._port = port
        self._received = b""
        self._answer = b""

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        deadline.check()
        piece, self._answer = self._answer[:max_bytes], self._answer[max_bytes:]
        return piece

    def write(self, data: bytes, deadline: Deadline) -> None:
        self._received += data
        head, end, _ = self._received.partition(b"\r\n\r\n")
        if end and not self._answer:
            request = Sent(address=self._address, port=self._port, is_encrypted=self.is_encrypted, head=head.decode())
            self._network.sent.append(request)
            default = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            self._answer = self._network.answers.get(request.url, default)

    def close(self) -> None:
        self._answer = b""
