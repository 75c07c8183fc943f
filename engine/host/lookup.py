"""Names to addresses, with a deadline: the system's own look-up can neither be limited nor interrupted."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable

from engine.host.deadline import Deadline
from engine.host.wire import NetworkFailure, error_text

_MAX_LOOKUPS = 16
"""Look-ups under way at a time, over all plugins; a further one waits for its turn within its own deadline."""

_CLOSE_S = 1.0
"""How long closing waits for look-ups that nobody waits for any more."""

_UNKNOWN_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


Resolve = Callable[[str, int], Iterable[str]]
"""(host, port) -> addresses; may block for long, raises `OSError` or `ValueError`."""


def system_addresses(host: str, port: int) -> list[str]:
    """What the system's resolver says, in its order of preference."""
    # As bytes: given text, Python applies its own IDNA 2003 to a host that is final already.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return [str(target[0]) for *_, target in found]


class NameLookup:
    """Runs each look-up on a thread of its own and leaves it behind when the request ends first."""

    def __init__(self, resolve: Resolve = system_addresses) -> None:
        self._resolve = resolve
        self._slots = threading.Semaphore(_MAX_LOOKUPS)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def addresses(self, host: str, port: int, deadline: Deadline) -> tuple[str, ...]:
        """The distinct addresses of `host` in the system's order of preference; a literal is its own address.

        Raises `NetworkFailure` when there are none, `RequestEnded` when the deadline comes first.
        """
        if _is_literal(host):
            return (host,)
        deadline.activity = f"looking up {host}"
        deadline.acquire(self._slots)
        query = _Query(self._resolve, host, port)
        thread = threading.Thread(target=self._run, args=(query,), name=f"lookup {host}", daemon=True)
        try:
            with self._lock:
                thread.start()
                self._threads.add(thread)
        except RuntimeError as exc:
            self._slots.release()
            raise NetworkFailure(f"dial tcp: lookup {host}: {exc}") from exc
        deadline.wait_for(query.done)
        if query.error is not None:
            raise query.error
        return query.addresses

    def close(self) -> None:
        """Wait a moment for look-ups that were left behind; the rest are daemon threads and end on their own."""
        end_s = time.monotonic() + _CLOSE_S
        with self._lock:
            left_behind = tuple(self._threads)
        for thread in left_behind:
            thread.join(max(0.0, end_s - time.monotonic()))

    def _run(self, query: _Query) -> None:
        try:
            query.run()
        finally:
            self._slots.release()
            with self._lock:
                self._threads.discard(threading.current_thread())


class _Query:
    """One look-up; `addresses` or `error` may be read once `done` is set."""

    def __init__(self, resolve: Resolve, host: str, port: int) -> None:
        self.done = threading.Event()
        self.addresses: tuple[str, ...] = ()
        self.error: NetworkFailure | None = None
        self._resolve = resolve
        self._host = host
        self._port = port

    def run(self) -> None:
        try:
            self.addresses = tuple(dict.fromkeys(self._resolve(self._host, self._port)))
        except (OSError, ValueError) as exc:
            self.error = NetworkFailure(f"dial tcp: lookup {self._host}: {_lookup_text(exc)}")
            self.error.__cause__ = exc
        finally:
            self.done.set()


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _lookup_text(error: OSError | ValueError) -> str:
    if isinstance(error, socket.gaierror):
        # The numbers of look-up errors are not those of `errno`.
        return "no such host" if error.errno in _UNKNOWN_NAME else str(error.strerror).lower()
    return error_text(error) if isinstance(error, OSError) else "not a host name"
