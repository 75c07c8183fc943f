"""TLS over any wire. All waiting is the lower wire's, so the deadline and a cancel hold in the handshake too."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from engine.host.deadline import Deadline
from engine.host.wire import NetworkFailure, Wire

_Result = TypeVar("_Result")

_PIECE_BYTES = 64 * 1024
"""How much is read from below, or encrypted, at a time."""


def trusted_context() -> ssl.SSLContext:
    """A client context that trusts the system's authorities and, for machines without any, those of certifi."""
    # Delayed as in `http.py`, and for the same reason.
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


class TlsWire:
    """The client end of a TLS connection over `wire`, which it takes over and closes."""

    def __init__(self, wire: Wire, context: ssl.SSLContext, server_name: str, deadline: Deadline) -> None:
        """Shake hands, and check the certificate for `server_name`, a host name or IP address.

        Raises `NetworkFailure` or `RequestEnded`; `wire` is left to the caller then.
        """
        self._wire = wire
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        except ValueError as exc:
            raise NetworkFailure(f"tls: no certificate can be for the host name {server_name!r}") from exc
        self._run(self._tls.do_handshake, deadline)

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        return self._run(partial(self._tls.read, max_bytes), deadline)

    def write(self, data: bytes, deadline: Deadline) -> None:
        rest = memoryview(data)
        while rest:
            piece = rest[:_PIECE_BYTES]
            rest = rest[self._run(partial(self._tls.write, piece), deadline) :]

    def close(self) -> None:
        self._wire.close()

    def _run(self, step: Callable[[], _Result], deadline: Deadline) -> _Result:
        """Do one TLS operation, moving bytes up and down until it has what it needs."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                received = self._wire.read(_PIECE_BYTES, deadline)
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()
                continue
            except ssl.SSLError as exc:
                raise NetworkFailure(tls_text(exc)) from exc
            self._flush(deadline)
            return result

    def _flush(self, deadline: Deadline) -> None:
        pending = self._outgoing.read()
        if pending:
            self._wire.write(pending, deadline)


def tls_text(error: ssl.SSLError) -> str:
    """What went wrong, in the form of Go's error texts."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "tls: unexpected EOF"
    return f"tls: {(error.reason or str(error)).replace('_', ' ').lower()}"
