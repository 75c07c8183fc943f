"""The life of one open WebSocket connection: read, deliver, one thing after another, and exactly one end.

Everything here runs on the engine's loop. Times are the loop's, not the engine clock's: the server at the other end
lives in real time, also when the plugins' time is virtual.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from engine.calls import PluginId
from engine.contracts import api_pb2 as api
from engine.errors import QuotaExceeded, UnknownPlugin
from engine.events import FrameKind, SocketClosed, SocketEnd
from engine.host.base import Host
from engine.host.farewell import Farewells
from engine.host.frame_log import FrameLog
from engine.host.network import Streams
from engine.host.socket_info import FrameRecord, SocketInfo
from engine.host.talk import ABNORMAL, Arrived, NotOpen, Talk
from engine.host.wire import error_text

_PIECE_BYTES: Final = 2 * 1024
"""How much is parsed at a time: a thousand of the smallest frames, which cost the loop some twenty milliseconds."""
_MAX_INJECTED: Final = 256
"""Injected frames that wait for their turn."""

_ANSWERS: Final = {FrameKind.PING: FrameKind.PONG, FrameKind.CLOSE: FrameKind.CLOSE}
"""What the protocol answers by itself, with the same content."""
_CALLBACKS: Final = {FrameKind.TEXT: "OnTextMessage", FrameKind.BINARY: "OnBinaryMessage"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a connection ended."""

    end: SocketEnd
    code: int
    reason: str = ""
    error: str | None = None
    """Told to OnError, which is called only then."""
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose connection it is, and how it came to be."""

    plugin: PluginId
    connection_id: str
    url: str
    routed_to: str | None
    made_by_init: int | None
    """The generation whose OnInit made it, when a load ran that."""


def broken(error: str) -> Ending:
    """The end of a connection that stopped working."""
    return Ending(end=SocketEnd.BROKEN, code=ABNORMAL, error=error)


class Connection:
    """One open connection; `start` sets it going, and it ends by itself or by `close`, `drop` or `remove`."""

    def __init__(
        self,
        origin: Origin,
        streams: Streams,
        talk: Talk,
        arrived: list[Arrived],
        *,
        host: Host,
        farewells: Farewells,
        silence_s: float,
        on_end: Callable[[Connection], None],
        on_told: Callable[[Connection], None],
    ) -> None:
        """`arrived` came together with the handshake. `on_end` is called once, when the id is to be free; `on_told`
        once, when no callback follows any more."""
        self.origin = origin
        self._streams = streams
        self._talk = talk
        self._host = host
        self._farewells = farewells
        self._silence_s = silence_s
        self._on_end = on_end
        self._on_told = on_told
        self._arrived: deque[Arrived] = deque()
        self._injected: deque[Arrived] = deque()
        self._ending: Ending | None = None
        self._is_over = False
        self._has_left = False
        self._open_gate = asyncio.Event()
        self._may_tell_close = asyncio.Event()
        self._sending = asyncio.Lock()
        self._waiting: asyncio.Timeout | None = None
        self._task: asyncio.Task[object] | None = None
        self._opened_ns = host.clock.now_ns()
        self._heard_s = host.loop.time()
        self._is_pinged = False
        self._log = FrameLog(origin.plugin, origin.connection_id, host)
        if origin.made_by_init is None:
            self._open_gate.set()
        self._take(arrived)

    def start(self) -> None:
        """Begin to read and deliver; while the OnInit that made the connection runs, it waits for `open_gate`."""
        self._task = self._host.spawn(f"socket {self.origin.connection_id} of {self.origin.plugin}", self._live())
        self._task.add_done_callback(self._finished)

    def open_gate(self) -> None:
        """The OnInit that made the connection is over: deliver."""
        self._open_gate.set()

    # --- looking

    def info(self) -> SocketInfo:
        log = self._log
        return SocketInfo(
            plugin=self.origin.plugin,
            connection_id=self.origin.connection_id,
            url=self.origin.url,
            routed_to=self.origin.routed_to,
            opened_ns=self._opened_ns,
            frames_sent=log.frames_sent,
            frames_received=log.frames_received,
            bytes_sent=log.bytes_sent,
            bytes_received=log.bytes_received,
            is_held=not self._open_gate.is_set(),
        )

    def frames(self) -> tuple[FrameRecord, ...]:
        """The last frames both ways, oldest first."""
        return self._log.last()

    # --- doing

    async def send(self, message: str | bytes) -> None:
        """Send a message, behind those that others are sending; raises `NotOpen` or `OSError`."""
        async with self._sending:
            if self._is_over:
                raise NotOpen("websocket: close sent")
            self._talk.say(message)
            data = message.encode() if isinstance(message, str) else message
            self._log.sent(FrameKind.TEXT if isinstance(message, str) else FrameKind.BINARY, data)
            self._flush()
            await self._streams[1].drain()

    def close(self, ending: Ending) -> None:
        """Send a close frame and free the id at once. OnClose is called after `tell_close`, in its turn."""
        self._send_close(ending)
        self._end(ending)
        self._interrupt()

    def tell_close(self) -> None:
        """Whoever called `close` has been answered."""
        self._may_tell_close.set()

    def drop(self) -> None:
        """End as if the network had failed in this moment."""
        self._streams[1].transport.abort()
        self._ending = self._ending or broken("read: connection reset by peer (dropped by hand)")
        self._interrupt()

    def inject(self, message: str | bytes) -> None:
        """Deliver a message as if the server had sent it now; raises `QuotaExceeded` when too many wait."""
        if len(self._injected) >= _MAX_INJECTED:
            raise QuotaExceeded(
                f"{_MAX_INJECTED} injected frames wait for the plugin already",
                hint="Inject more once it has handled some.",
                plugin=self.origin.plugin,
            )
        kind, data = (FrameKind.TEXT, message.encode()) if isinstance(message, str) else (FrameKind.BINARY, message)
        self._injected.append(Arrived(kind=kind, data=data))
        self._interrupt()

    def remove(self, ending: Ending) -> None:
        """Close without any callback from now on; also where the connection is over and its end not told yet."""
        if not self._is_over:
            self._send_close(ending)
            self._end(ending)
        if self._task is not None:
            self._task.cancel()
        self._leave(after=self._task)

    def abort(self) -> None:
        """The engine closes: say so to the server if it takes it at once, and let go."""
        if self._talk.close(1001, ""):
            self._flush()
        self._streams[1].transport.abort()

    # --- its life

    async def _live(self) -> None:
        await self._open_gate.wait()
        self._heard_s = self._host.loop.time()
        ending = await self._receive()
        is_closed_by_plugin = self._is_over
        self._end(ending)
        self._leave()
        if ending.error is not None:
            await self._call("OnError", api.OnErrorRequest(connection_id=self._id, error=ending.error))
        if is_closed_by_plugin:
            await self._may_tell_close.wait()
        request = api.OnCloseRequest(connection_id=self._id, code=ending.code, reason=ending.reason)
        await self._call("OnClose", request)

    async def _receive(self) -> Ending:
        """Deliver one message after the other until there is an end."""
        while True:
            if self._ending is not None:
                return self._ending
            if self._arrived or self._injected:
                await self._deliver_next()
            elif self._talk.close_received is not None:
                code, reason = self._talk.close_received
                return Ending(end=SocketEnd.SERVER, code=code, reason=reason)
            elif self._talk.failure is not None:
                return broken(self._talk.failure)
            else:
                await self._listen()

    async def _deliver_next(self) -> None:
        is_injected = not self._arrived
        arrived = (self._injected if is_injected else self._arrived).popleft()
        if is_injected:
            self._log.received(arrived.kind, arrived.data, is_injected=True)
        request: Message
        if arrived.kind is FrameKind.TEXT:
            request = api.OnTextMessageRequest(
                connection_id=self._id, message=arrived.data.decode("utf-8", errors="replace")
            )
        else:
            request = api.OnBinaryMessageRequest(connection_id=self._id, data=arrived.data)
        await self._call(_CALLBACKS[arrived.kind], request)
        # While the plugin was busy nobody listened: that was not the server's silence.
        self._heard_s = self._host.loop.time()

    async def _listen(self) -> None:
        """Wait for the server to say something, and ping it when it has been silent for half the limit."""
        reader, writer = self._streams
        silent_at_s = self._heard_s + self._silence_s
        wake_at_s = silent_at_s if self._is_pinged else self._heard_s + self._silence_s / 2
        data = b""
        try:
            async with asyncio.timeout_at(wake_at_s) as self._waiting:
                with suppress(ConnectionError):
                    # A connection that is lost may have left something to read; reading tells what became of it.
                    await writer.drain()
                data = await reader.read(_PIECE_BYTES)
        except OSError as exc:
            # A time limit of our own and one of the system's are the same exception.
            if self._waiting is None or not self._waiting.expired():
                self._ending = self._ending or broken(f"read: {error_text(exc)}")
            elif self._host.loop.time() >= silent_at_s:
                self._ending = broken(f"read: i/o timeout: no frame arrived for {self._silence_s:g} s")
            elif self._host.loop.time() >= wake_at_s:
                self._ping()
            return
        finally:
            self._waiting = None
        frames_before = self._talk.frames_received
        self._take(self._talk.feed(data))
        self._flush()
        if self._talk.frames_received > frames_before:
            self._heard_s, self._is_pinged = self._host.loop.time(), False
            # Reading what is there already does not give way to others; a flood of control frames must.
            await asyncio.sleep(0)

    def _take(self, arrived: list[Arrived]) -> None:
        """Note what arrived; messages wait for their delivery."""
        for item in arrived:
            self._log.received(item.kind, item.data)
            if item.kind in _CALLBACKS:
                self._arrived.append(item)
            else:
                answer = _ANSWERS.get(item.kind)
                if answer is not None:
                    self._log.sent(answer, item.data)

    async def _call(self, method: str, request: Message) -> None:
        """One callback. What goes wrong in it is in the events of the call and changes nothing here."""
        try:
            await self._host.deliver(
                self.origin.plugin, f"WebSocketCallback.{method}", request, cause=f"socket {self._id}"
            )
        except UnknownPlugin:
            # Removed in this very moment: nobody is left to tell.
            return

    def _end(self, ending: Ending) -> None:
        """The connection is over and its id free; only the first ending counts."""
        self._ending = self._ending or ending
        if self._is_over:
            return
        self._is_over = True
        self._on_end(self)
        self._host.bus.publish(
            SocketClosed(
                time_ns=self._host.clock.now_ns(),
                plugin=self.origin.plugin,
                connection_id=self._id,
                end=self._ending.end,
                code=self._ending.code,
                reason=self._ending.reason,
                error=self._ending.error,
                note=self._ending.note,
            )
        )

    def _leave(self, *, after: asyncio.Task[object] | None = None) -> None:
        """Nobody here reads from the connection any more, once `after` has ended."""
        if not self._has_left:
            self._has_left = True
            self._farewells.say(self._streams, after=after)

    def _finished(self, task: asyncio.Task[object]) -> None:
        if self._is_over and not self._has_left:
            # Cancelled because the engine closes, after the plugin's Close and before its end was told.
            self._streams[1].transport.abort()
        self._on_told(self)

    def _send_close(self, ending: Ending) -> None:
        if self._talk.close(ending.code, ending.reason):
            self._log.sent(FrameKind.CLOSE, ending.code.to_bytes(2, "big") + ending.reason.encode())
            self._flush()

    def _ping(self) -> None:
        self._is_pinged = True
        self._talk.ping()
        self._log.sent(FrameKind.PING, b"")
        self._flush()

    def _interrupt(self) -> None:
        """Have `_receive` look around, if it waits for the server."""
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(self._host.loop.time())

    def _flush(self) -> None:
        data = self._talk.outgoing()
        if data:
            self._streams[1].write(data)

    @property
    def _id(self) -> str:
        return self.origin.connection_id
