"""One open connection as the http service sees it, and the one exception of the network code."""

from __future__ import annotations

import os
from typing import Protocol

from engine.host.deadline import Deadline


class NetworkFailure(OSError):
    """The network refused, failed or broke; `str()` is the text for the guest, such as `connection refused`."""


class Wire(Protocol):
    """A connection that carries bytes both ways; used by one thread."""

    def read(self, max_bytes: int, deadline: Deadline) -> bytes:
        """At least one byte, at most `max_bytes`; empty at the end. Raises `NetworkFailure` or `RequestEnded`."""
        ...

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send all of `data`. Raises as `read` does."""
        ...

    def close(self) -> None:
        """Close at once; may be called more than once."""
        ...


def error_text(error: OSError) -> str:
    """The system's words for `error` in the form of Go's error texts: lower case, no number."""
    if error.errno is None:
        return str(error)
    return os.strerror(error.errno).lower()
