"""The demo's ticker: tells over WebSocket, once a second, how many people listen to an artist.

Owns the socket, the thread with its loop, and their limits. What it says and takes is described in the README of the
`lyre-ticker` sample.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from typing import Final, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from workbench.demo.catalogue import Catalogue

_log = logging.getLogger(__name__)
_wire_log = logging.getLogger(f"{__name__}.wire")
# A client that sends nonsense is no fault of ours, and what nobody handles goes to stderr, which is the screen.
_wire_log.addHandler(logging.NullHandler())
_wire_log.propagate = False

CLIENT_LIMIT: Final = 16
"""Clients at the same time; one more is closed with 1013."""
MESSAGE_LIMIT_BYTES: Final = 4 * 1024
"""Largest message that is taken; a larger one closes the connection with 1009."""
BACKLOG_LIMIT: Final = 64
"""Messages that may wait for a client; one that falls further behind is closed with 1013, not kept in the dark."""

_PATH: Final = "/v1/ticks"
_HANDSHAKE_S: Final = 5.0
_CLOSE_S: Final = 1.0
"""How long a client may take to answer a close; bounds the time that closing takes."""
_JOIN_S: Final = 5.0
_WRITE_LIMIT_BYTES: Final = 32 * 1024
_GOING_AWAY: Final = 1001
_TRY_LATER: Final = 1013

_T = TypeVar("_T")


class TickerService:
    """A ticker on 127.0.0.1, on a port that the system chooses, from construction until `close`.

    Safe from any thread. Raises `OSError` when there is no port to be had.
    """

    def __init__(self, catalogue: Catalogue, *, token: str, interval_s: float | None = 1.0) -> None:
        """`token` is what a client has to send. With no `interval_s` there is a tick for each call of `tick` only."""
        self._names = tuple(artist.name for artist in catalogue.artists)
        self._authorization = f"Token {token}"
        self._interval_s = interval_s
        self._clients: set[_Client] = set()
        self._number = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="demo-ticker", daemon=True)
        self._thread.start()
        try:
            self._port = started.result()
        except BaseException:
            self._thread.join()
            raise

    @property
    def url(self) -> str:
        """The address of the ticks."""
        return f"ws://127.0.0.1:{self._port}{_PATH}"

    def tick(self) -> int:
        """Send the next tick now; how many clients wanted it. Raises `RuntimeError` when closed."""
        return self._ask(self._tick)

    def listeners(self) -> int:
        """How many clients have said what they want to hear of. Raises `RuntimeError` when closed."""
        return self._ask(lambda: sum(1 for client in self._clients if client.wanted))

    def hang_up(self, code: int = _GOING_AWAY, reason: str = "the ticker takes a break") -> int:
        """Close the connection to every client, in order; how many that were. Raises `RuntimeError` when closed."""
        return self._ask(lambda: self._hang_up(code, reason))

    def close(self) -> None:
        """Close all connections and the socket, and join the thread; safe to call again."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_JOIN_S)

    def _ask(self, question: Callable[[], _T]) -> _T:
        """Have something done on the ticker's thread, and wait for it."""
        answer: Future[_T] = Future()

        def reply() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(reply)
        return answer.result(_JOIN_S)

    # --- on the thread of the ticker

    def _run(self, started: Future[int]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: Future[int]) -> None:
        try:
            server = await serve(
                self._talk,
                "127.0.0.1",
                0,
                process_request=self._judge,
                compression=None,
                server_header=None,
                open_timeout=_HANDSHAKE_S,
                close_timeout=_CLOSE_S,
                max_size=MESSAGE_LIMIT_BYTES,
                max_queue=4,
                write_limit=_WRITE_LIMIT_BYTES,
                logger=_wire_log,
            )
        except BaseException as error:
            started.set_exception(error)
            return
        async with server:
            started.set_result(server.sockets[0].getsockname()[1])
            await self._tick_until_stopped()

    async def _tick_until_stopped(self) -> None:
        while not self._stop.is_set():
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._stop.wait()
            except TimeoutError:
                self._tick()

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse who has nothing to seek here; None lets the handshake go on."""
        if request.path != _PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, f"the ticks are at {_PATH}\n")
        if not hmac.compare_digest(_authorization(request.headers), self._authorization.encode()):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "the token is wrong or missing\n")
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        """Take what one client asks for, while its messages are sent, until either ends."""
        if len(self._clients) >= CLIENT_LIMIT:
            await connection.close(_TRY_LATER, "too many clients")
            return
        client = _Client(connection)
        self._clients.add(client)
        try:
            async with asyncio.TaskGroup() as group:
                others = (group.create_task(client.send_queued()), group.create_task(client.close_when_told()))
                async for message in connection:
                    if not client.is_leaving:
                        client.say(self._answer(client, message))
                for other in others:
                    other.cancel()
        except* ConnectionClosed:
            pass  # a client that leaves is no fault either
        except* Exception as failures:
            _log.error("the ticker failed on a client", exc_info=failures)
        finally:
            self._clients.discard(client)

    def _answer(self, client: _Client, message: str | bytes) -> Mapping[str, object]:
        """Take a subscription; what is to be said to it."""
        try:
            client.wanted = self._wanted(message)
        except ValueError as error:
            return {"type": "error", "error": str(error)}
        return {"type": "subscribed", "artists": list(client.wanted)}

    def _wanted(self, message: str | bytes) -> tuple[str, ...]:
        """The artists that a subscription names, all for none; raises `ValueError` with a text for the client."""
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError) as error:
            raise ValueError("the message is not JSON") from error
        if not isinstance(asked, dict) or asked.get("type") != "subscribe":
            raise ValueError('a message is an object with "type": "subscribe"')
        names = asked.get("artists", [])
        if not isinstance(names, list):
            raise ValueError("artists is a list of names")
        unknown = [name for name in names if name not in self._names]
        if unknown:
            raise ValueError(f"unknown artist: {json.dumps(unknown[0])[:200]}")
        return tuple(name for name in self._names if not names or name in names)

    def _tick(self) -> int:
        self._number += 1
        name = self._names[self._number % len(self._names)]
        # A wave, so that there is something to see and the same number always says the same.
        count = 100 + abs(self._number * 37 % 400 - 200)
        tick = {"type": "tick", "number": self._number, "artist": name, "listeners": count}
        told = [client for client in self._clients if name in client.wanted]
        for client in told:
            client.say(tick)
        return len(told)

    def _hang_up(self, code: int, reason: str) -> int:
        clients = tuple(self._clients)
        for client in clients:
            client.leave(code, reason)
        return len(clients)


class _Client:
    """One client: what it wants to hear of, and what is still to be sent to it."""

    def __init__(self, connection: ServerConnection) -> None:
        self.wanted: tuple[str, ...] = ()
        self._connection = connection
        self._queue: asyncio.Queue[str] = asyncio.Queue(BACKLOG_LIMIT)
        self._told_to_leave: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    @property
    def is_leaving(self) -> bool:
        """It was said goodbye to, and what it still sends does not matter."""
        return self._told_to_leave.done()

    def say(self, message: Mapping[str, object]) -> None:
        """Send a message in its turn; to a client that does not keep up, say goodbye instead."""
        try:
            self._queue.put_nowait(json.dumps(message, ensure_ascii=False))
        except asyncio.QueueFull:
            self.leave(_TRY_LATER, "too slow")

    def leave(self, code: int, reason: str) -> None:
        """Close the connection; nothing more is said."""
        self.wanted = ()
        if not self.is_leaving:
            self._told_to_leave.set_result((code, reason))

    async def send_queued(self) -> None:
        while True:
            await self._connection.send(await self._queue.get())

    async def close_when_told(self) -> None:
        await self._connection.close(*await self._told_to_leave)


def _authorization(headers: Headers) -> bytes:
    """What a client sends to be let in; nothing when it sends several."""
    values = headers.get_all("Authorization")
    return values[0].encode(errors="surrogateescape") if len(values) == 1 else b""
