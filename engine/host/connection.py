"""The life of one open WebSocket connection: read, deliver, one thing after another, and exactly one end.

Everything here runs on the engine's loop. Times are the loop's, not the engine clock's: the server at the other end
lives in real time, also when the plugins' time is virtual.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from engine.calls import PluginId
from engine.contracts import api_pb2 as api
from engine.errors import QuotaExceeded, UnknownPlugin
from engine.events import FrameKind, SocketClosed, SocketEnd, SocketFrame
from engine.host.base import Host
from engine.host.farewell import Farewells
from engine.host.network import Streams
from engine.host.socket_info import FrameRecord, SocketInfo
from engine.host.talk import ABNORMAL, Arrived, NotOpen, Talk
from engine.host.wire import error_text

_PIECE_BYTES: Final = 8 * 1024
"""How much is parsed at a time: a flood of tiny frames in it costs the loop some ten milliseconds at most."""
_KEPT_FRAMES: Final = 256
_KEPT_HEAD_BYTES: Final = 1024
_MAX_INJECTED: Final = 256
"""Injected frames that wait for their turn."""

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
    ) -> None:
        """`arrived` came together with the handshake. `on_end` is called once, when the id is free."""
        self.origin = origin
        self._streams = streams
        self._talk = talk
        self._host = host
        self._farewells = farewells
        self._silence_s = silence_s
        self._on_end = on_end
        self._arrived: deque[Arrived] = deque()
        self._injected: deque[Arrived] = deque()
        self._ending: Ending | None = None
        self._is_over = False
        self._open_gate = asyncio.Event()
        self._may_tell_close = asyncio.Event()
        self._sending = asyncio.Lock()
        self._waiting: asyncio.Timeout | None = None
        self._task: asyncio.Task[object] | None = None
        self._opened_ns = host.clock.now_ns()
        self._heard_s = host.loop.time()
        self._is_pinged = False
        self._counts = {True: [0, 0], False: [0, 0]}
        self._frames: deque[FrameRecord] = deque(maxlen=_KEPT_FRAMES)
        if origin.made_by_init is None:
            self._open_gate.set()
        self._take(arrived)

    def start(self) -> None:
        """Begin to read and deliver; while the OnInit that made the connection runs, it waits for `open_gate`."""
        self._task = self._host.spawn(f"socket {self.origin.connection_id} of {self.origin.plugin}", self._live())

    def open_gate(self) -> None:
        """The OnInit that made the connection is over: deliver."""
        self._open_gate.set()

    # --- looking

    def info(self) -> SocketInfo:
        (frames_sent, bytes_sent), (frames_received, bytes_received) = self._counts[True], self._counts[False]
        return SocketInfo(
            plugin=self.origin.plugin,
            connection_id=self.origin.connection_id,
            url=self.origin.url,
            routed_to=self.origin.routed_to,
            opened_ns=self._opened_ns,
            frames_sent=frames_sent,
            frames_received=frames_received,
            bytes_sent=bytes_sent,
            bytes_received=bytes_received,
            is_held=not self._open_gate.is_set(),
        )

    def frames(self) -> tuple[FrameRecord, ...]:
        """The last frames both ways, oldest first."""
        return tuple(self._frames)

    # --- doing

    async def send(self, message: str | bytes) -> None:
        """Send a message, behind those that others are sending; raises `NotOpen` or `OSError`."""
        async with self._sending:
            if self._is_over:
                raise NotOpen("websocket: close sent")
            self._talk.say(message)
            data = message.encode() if isinstance(message, str) else message
            self._record(FrameKind.TEXT if isinstance(message, str) else FrameKind.BINARY, data, is_sent=True)
            self._flush()
            await self._streams[1].drain()

    def close(self, ending: Ending) -> None:
        """Send a close frame and free the id at once. OnClose is called after `tell_close`, in its turn."""
        if self._talk.close(ending.code, ending.reason):
            self._record_close(ending)
            self._flush()
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
        """Close without any callback; one that closed while it was held back is not told either."""
        if self._is_over and self._open_gate.is_set():
            return
        if self._talk.close(ending.code, ending.reason):
            self._record_close(ending)
            self._flush()
        self._end(ending)
        if self._task is not None:
            self._task.cancel()
        self._farewells.say(self._streams, after=self._task)

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
        # After this nobody reads from the connection here, whatever the callbacks do.
        self._farewells.say(self._streams)
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
            self._record(arrived.kind, arrived.data, is_injected=True)
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

    def _take(self, arrived: list[Arrived]) -> None:
        """Note what arrived; messages wait for their delivery."""
        for item in arrived:
            self._record(item.kind, item.data)
            if item.kind in _CALLBACKS:
                self._arrived.append(item)
            elif item.kind is FrameKind.PING:
                self._record(FrameKind.PONG, item.data, is_sent=True)

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

    def _ping(self) -> None:
        self._is_pinged = True
        self._talk.ping()
        self._record(FrameKind.PING, b"", is_sent=True)
        self._flush()

    def _interrupt(self) -> None:
        """Have `_receive` look around, if it waits for the server."""
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(self._host.loop.time())

    def _flush(self) -> None:
        data = self._talk.outgoing()
        if data:
            self._streams[1].write(data)

    def _record_close(self, ending: Ending) -> None:
        data = ending.code.to_bytes(2, "big") + ending.reason.encode()
        self._record(FrameKind.CLOSE, data, is_sent=True)

    def _record(self, kind: FrameKind, data: bytes, *, is_sent: bool = False, is_injected: bool = False) -> None:
        is_repaired = kind is FrameKind.TEXT and not is_sent and not _is_utf8(data)
        self._counts[is_sent][0] += 1
        self._counts[is_sent][1] += len(data)
        record = FrameRecord(
            time_ns=self._host.clock.now_ns(),
            is_sent=is_sent,
            kind=kind,
            size_bytes=len(data),
            head=data[:_KEPT_HEAD_BYTES],
            is_injected=is_injected,
            is_repaired=is_repaired,
        )
        self._frames.append(record)
        self._host.bus.publish(
            SocketFrame(
                time_ns=record.time_ns,
                plugin=self.origin.plugin,
                connection_id=self._id,
                is_sent=is_sent,
                kind=kind,
                size_bytes=record.size_bytes,
                is_injected=is_injected,
                is_repaired=is_repaired,
            )
        )

    @property
    def _id(self) -> str:
        return self.origin.connection_id


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
