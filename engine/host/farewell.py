"""The last moments of a connection: what is still to be sent goes out, and the server gets time to hang up first.

Closing a socket with unread data in it makes the system send a reset, which can overtake the close frame.
"""

from __future__ import annotations

import asyncio
from typing import Final

from engine.host.base import Host
from engine.host.network import Streams

_LIMIT_S: Final = 5.0
"""How long the server has."""
_MAX_AT_A_TIME: Final = 64
"""Over all plugins; beyond it connections are cut at once, so that closing in a loop piles nothing up."""
_PIECE_BYTES: Final = 64 * 1024


class Farewells:
    """Connections that are no plugin's any more and wait for their server to hang up; belongs to the loop."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._count = 0

    def say(self, streams: Streams, *, after: asyncio.Task[object] | None = None) -> None:
        """Take a connection over for good; `after` is the task that may still be reading from it."""
        if self._count >= _MAX_AT_A_TIME:
            streams[1].transport.abort()
            return
        self._count += 1
        task = self._host.spawn("websocket farewell", self._wait(streams, after))
        task.add_done_callback(lambda _: self._over(streams))

    async def _wait(self, streams: Streams, after: asyncio.Task[object] | None) -> None:
        reader, writer = streams
        try:
            async with asyncio.timeout(_LIMIT_S):
                if after is not None:
                    await asyncio.wait((after,))
                await writer.drain()
                while await reader.read(_PIECE_BYTES):
                    pass
        except OSError:
            # The time is up, or the connection broke: either way it is cut now.
            return

    def _over(self, streams: Streams) -> None:
        self._count -= 1
        streams[1].transport.abort()
