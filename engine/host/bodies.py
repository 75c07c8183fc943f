"""Reading the body of an answer: gzip undone, never more than the limit held in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from engine.host.deadline import Deadline

_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class BadBody(Exception):
    """The body is too large or not what its headers say; `str()` is the text for the guest."""


def read_body(pieces: Iterable[bytes], deadline: Deadline, *, limit_bytes: int, gunzip: bool) -> bytes:
    """All of `pieces` put together, and unpacked if `gunzip`.

    The limit holds for what came over the wire and for what it unpacks to. Raises `BadBody`, `RequestEnded`, and
    what `pieces` raises.
    """
    body = _Body(limit_bytes)
    unpack = _Gunzip(body) if gunzip else None
    received_bytes = 0
    for piece in pieces:
        deadline.check()
        received_bytes += len(piece)
        if unpack is None:
            body.add(piece)
        else:
            if received_bytes > limit_bytes:
                raise _too_large(limit_bytes)
            unpack.feed(piece)
    if unpack is not None:
        unpack.finish()
    return bytes(body.data)


def _too_large(limit_bytes: int) -> BadBody:
    return BadBody(f"response body exceeds the limit of {limit_bytes} bytes (HTTPBody in [Workbench.Limits])")


class _Body:
    def __init__(self, limit_bytes: int) -> None:
        self.data = bytearray()
        self.limit_bytes = limit_bytes

    def add(self, piece: bytes) -> None:
        if len(self.data) + len(piece) > self.limit_bytes:
            raise _too_large(self.limit_bytes)
        self.data += piece


class _Gunzip:
    """Unpacks gzip members one after another into `body`, in steps that a small input cannot blow up."""

    def __init__(self, body: _Body) -> None:
        self._body = body
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._is_inside = False

    def feed(self, piece: bytes) -> None:
        while piece:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            room_bytes = self._body.limit_bytes - len(self._body.data) + 1
            try:
                unpacked = self._member.decompress(piece, room_bytes)
            except zlib.error as exc:
                raise BadBody(f"gzip: invalid data: {exc}") from exc
            self._body.add(unpacked)
            self._is_inside = not self._member.eof
            piece = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        if self._is_inside:
            raise BadBody("gzip: unexpected EOF")
