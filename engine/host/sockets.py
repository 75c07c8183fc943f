"""Plain TCP connections to addresses that were checked before; nothing here looks up a name."""

from __future__ import annotations

import errno
import select
import socket
import time
from collections import deque
from collections.abc import Sequence

from engine.host.deadline import Deadline
from engine.host.wire import NetworkFailure, Wire, error_text

_HEAD_START_S = 0.25
"""How long one address is tried alone before the next joins in (RFC 8305 recommends a quarter of a second)."""

_MAX_ADDRESSES = 16
"""Addresses of one name that are tried at all."""

_WRITE_BYTES = 256 * 1024

_UNDER_WAY = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR})


def connect_first(addresses: Sequence[str], port: int, deadline: Deadline) -> Wire:
    """A connection to the first address that takes one; an unreachable one holds the others up only briefly.

    Raises `NetworkFailure` with the cause of the first failure when no address took one, or `RequestEnded`.
    """
    untried = deque(addresses[:_MAX_ADDRESSES])
    failures: list[str] = []
    attempts: dict[int, tuple[socket.socket, str]] = {}
    try:
        while untried or attempts:
            if untried:
                _begin(untried.popleft(), port, attempts, failures)
            winner = _await_one(attempts, port, deadline, failures, limit_s=_HEAD_START_S if untried else None)
            if winner is not None:
                return SocketWire(winner)
    finally:
        for loser, _ in attempts.values():
            loser.close()
    raise NetworkFailure(failures[0] if failures else "dial tcp: the name has no address")


def _begin(address: str, port: int, attempts: dict[int, tuple[socket.socket, str]], failures: list[str]) -> None:
    """Start connecting to one address; a failure that is known at once is noted."""
    attempt: socket.socket | None = None
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )[0]
        attempt = socket.socket(family, kind, protocol)
        attempt.setblocking(False)
        attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = attempt.connect_ex(target)
        if code not in _UNDER_WAY:
            raise OSError(code, "")
    except (OSError, OverflowError) as exc:
        if attempt is not None:
            attempt.close()
        failures.append(_dial_text(address, port, exc if isinstance(exc, OSError) else OSError(str(exc))))
        return
    attempts[attempt.fileno()] = attempt, address


def _await_one(
    attempts: dict[int, tuple[socket.socket, str]],
    port: int,
    deadline: Deadline,
    failures: list[str],
    *,
    limit_s: float | None,
) -> socket.socket | None:
    """The first attempt that succeeds; None when one failed or `limit_s` passed, and another may be begun."""
    give_up_s = None if limit_s is None else time.monotonic() + limit_s
    while attempts:
        poller = select.poll()
        for descriptor in attempts:
            poller.register(descriptor, select.POLLOUT)
        ready = deadline.poll(poller, limit_s=None if give_up_s is None else give_up_s - time.monotonic())
        if not ready:
            return None
        for descriptor in ready:
            attempt, address = attempts.pop(descriptor)
            code = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == 0:
                return attempt
            attempt.close()
            failures.append(_dial_text(address, port, OSError(code, "")))
        if give_up_s is not None:
            return None
    return None


def _dial_text(address: str, port: int, error: OSError) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"dial tcp {host}:{port}: connect: {error_text(error)}"


class SocketWire:
    """A connected socket; every wait goes through the deadline."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over a connected, non-blocking socket."""
        self._socket = connection
        self._is_detached = False
        self._readable = select.poll()
        self._readable.register(connection, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(connection, select.POLLOUT)

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        while True:
            # Checked before every piece, not only when there is nothing to read: a server that always has
            # one more byte must not outlive the deadline.
            deadline.check()
            try:
                return self._socket.recv(max_bytes)
            except BlockingIOError:
                deadline.poll(self._readable)
            except OSError as exc:
                raise NetworkFailure(f"read: {error_text(exc)}") from exc

    def write(self, data: bytes, deadline: Deadline) -> None:
        rest = memoryview(data)
        while rest:
            deadline.check()
            try:
                rest = rest[self._socket.send(rest[:_WRITE_BYTES]) :]
            except BlockingIOError:
                deadline.poll(self._writable)
            except OSError as exc:
                raise NetworkFailure(f"write: {error_text(exc)}") from exc

    def detach(self) -> socket.socket:
        """Give the socket away, to whom it belongs from now on; nothing else may be asked of the wire but `close`."""
        self._is_detached = True
        return self._socket

    def close(self) -> None:
        if not self._is_detached:
            self._socket.close()
