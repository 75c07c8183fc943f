"""Frames over real WebSocket connections: each reaches the plugin and comes back, in order, none lost or doubled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress

from websockets.asyncio.server import ServerConnection, serve

from engine import Engine
from engine.contracts.api_pb2 import OnBinaryMessageRequest, OnTextMessageRequest
from engine.events import CallFinished, Event
from tests.soak.memory import MemoryCurve
from tests.soak.plugin import CONNECT

_LONGEST_CHARS = 1024
_WINDOW = 64
"""Frames under way on one connection."""
_SAMPLES = 20
_ECHO_LIMIT_S = 60.0
_FRAMES = (OnTextMessageRequest, OnBinaryMessageRequest)


def frames(seed: str, count: int) -> Iterator[str | bytes]:
    """The frames of one connection, each with its number: the same for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        text = f"{number} ".ljust(chance.randrange(_LONGEST_CHARS), "♪")
        yield text if chance.random() < 0.5 else text.encode()


class EchoCheck:
    """A server that sends each client its frames, and checks what comes back."""

    def __init__(self, *, seed: str, count: int, clients: int) -> None:
        self.url = ""
        self.faults: list[str] = []
        self.curve = MemoryCurve()
        self.returned = 0
        self.delivered = 0
        self._seed = seed
        self._count = count
        self._left = clients
        self._total = count * clients
        self._loop = asyncio.get_running_loop()
        self._all_left = asyncio.Event()
        self._all_delivered = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve on a free port of loopback."""
        async with serve(self._talk, "127.0.0.1", 0, compression=None) as server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield

    def record(self, event: Event) -> None:
        """Count what the plugins were called with; subscribe it to the engine's bus."""
        if isinstance(event, CallFinished) and isinstance(event.result.request, _FRAMES):
            self.delivered += 1
            if self.delivered == self._total:
                self._loop.call_soon_threadsafe(self._all_delivered.set)
            if not event.result.ok:
                self.faults.append(f"{event.plugin}: a frame ended with {event.result.outcome}: {event.result.error}")

    async def returned_all(self) -> None:
        """Wait until every client has its frames back, or has failed, and the last callback has ended."""
        await self._all_left.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self.faults else _ECHO_LIMIT_S):
                await self._all_delivered.wait()

    def settle(self) -> None:
        """Hold the counts against what was to be sent."""
        if not self.delivered == self.returned == self._total:
            self.faults.append(f"of {self._total} frames {self.delivered} were delivered and {self.returned} came back")

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        seed = f"{self._seed}{connection.request.path}"
        window = asyncio.Semaphore(_WINDOW)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(connection, seed, window))
                group.create_task(self._receive(connection, seed, window))
        except* Exception as failures:
            self.faults += [f"{connection.request.path}: {failure!r}" for failure in failures.exceptions]
        finally:
            self._left -= 1
            if self._left == 0:
                self._all_left.set()

    async def _send(self, connection: ServerConnection, seed: str, window: asyncio.Semaphore) -> None:
        for frame in frames(seed, self._count):
            await window.acquire()
            await connection.send(frame)

    async def _receive(self, connection: ServerConnection, seed: str, window: asyncio.Semaphore) -> None:
        for number, expected in enumerate(frames(seed, self._count)):
            async with asyncio.timeout(_ECHO_LIMIT_S):
                found = await connection.recv()
            if found != expected:
                raise ValueError(f"frame {number} came back as {found[:40]!r} instead of {expected[:40]!r}")
            window.release()
            self.returned += 1
            if self.returned * _SAMPLES % self._total < _SAMPLES:
                self.curve.take(self.returned / self._total)


async def run_frames(engine: Engine, check: EchoCheck, plugins: Sequence[str]) -> None:
    """Have each plugin connect, and wait until all frames of all are back; faults are in the check."""
    for plugin in plugins:
        result = await engine.call(plugin, CONNECT)
        assert result.ok, result.error
        assert len(engine.sockets.list(plugin)) == 1
    await check.returned_all()
