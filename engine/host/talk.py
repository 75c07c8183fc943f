"""The WebSocket protocol of one client connection as pure steps: bytes in; messages, an answer and an ending out.

No I/O and no waiting. The websockets library reads and writes the frames; nothing of its own connections is used,
so no redirect, proxy, ping, compression or size limit of its defaults applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, InvalidStatus, PayloadTooBig
from websockets.frames import EXTERNAL_CLOSE_CODES, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from engine.events import FrameKind
from engine.host.headers import USER_AGENT, BadHeader, is_token
from engine.plugins.url_rules import NormalUrl

NO_CODE: Final = 1005
"""The close code that stands for a close frame without one."""
ABNORMAL: Final = 1006
"""The close code that stands for a connection that ended without a close frame."""
MAX_REASON_BYTES: Final = 123

_PRIVATE_CODES: Final = range(3000, 5000)
_PROTOCOL: Final = "Sec-Websocket-Protocol"
_HANDSHAKE_OWNED: Final = frozenset(
    {"Upgrade", "Connection", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions"}
)
_KINDS: Final = {
    Opcode.TEXT: FrameKind.TEXT,
    Opcode.BINARY: FrameKind.BINARY,
    Opcode.PING: FrameKind.PING,
    Opcode.PONG: FrameKind.PONG,
    Opcode.CLOSE: FrameKind.CLOSE,
}


class NotOpen(Exception):
    """A frame cannot be sent any more, or a handshake failed; `str()` is the cause, in the words of Go's library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A whole message, or a control frame."""

    kind: FrameKind
    data: bytes


def close_problem(code: int, reason: str) -> str | None:
    """Why a close frame with this code and reason must not be sent; None for a good one."""
    if code not in EXTERNAL_CLOSE_CODES and code not in _PRIVATE_CODES:
        return f"invalid close code {code}: use one of 1000-1003, 1007-1014 or 3000-4999"
    size_bytes = len(reason.encode())
    if size_bytes > MAX_REASON_BYTES:
        return f"the close reason has {size_bytes} bytes: the limit is {MAX_REASON_BYTES}"
    return None


class Talk:
    """What both sides have said so far. `outgoing` must be sent after every other step."""

    def __init__(self, target: NormalUrl, headers: Mapping[str, str], *, message_limit_bytes: int) -> None:
        """Begin the handshake with `target`; `headers` are canonical. Raises `BadHeader`."""
        self._limit_bytes = message_limit_bytes
        self._protocol = ClientProtocol(
            WebSocketURI(target.scheme == "wss", target.host, target.port, target.path, target.query or ""),
            subprotocols=_subprotocols(headers),
            extensions=None,
            max_size=message_limit_bytes,
        )
        self._message = bytearray()
        self._kind = FrameKind.TEXT
        self.frames_received = 0
        """Frames of any kind, fragments included."""
        self._protocol.send_request(_request(self._protocol, target, headers))

    # --- receiving

    def feed(self, data: bytes) -> list[Arrived]:
        """Take what the server sent, empty at its end; the messages and control frames that are complete now."""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        frames = [event for event in self._protocol.events_received() if isinstance(event, Frame)]
        self.frames_received += len(frames)
        return [arrived for frame in frames if (arrived := self._assembled(frame)) is not None]

    @property
    def is_open(self) -> bool:
        """Whether the handshake succeeded; raises `NotOpen` when it failed."""
        error = self._protocol.handshake_exc
        if error is not None:
            raise NotOpen(_handshake_text(error)) from error
        return self._protocol.state is not State.CONNECTING

    @property
    def close_received(self) -> tuple[int, str] | None:
        """Code and reason of the server's close frame, if one came."""
        close = self._protocol.close_rcvd
        return None if close is None else (int(close.code), close.reason)

    @property
    def failure(self) -> str | None:
        """Why nothing more will be understood, in the words that Go's library uses; None while all is well."""
        error = self._protocol.parser_exc
        match error:
            case None:
                return None
            case EOFError():
                return "websocket: close 1006 (abnormal closure): unexpected EOF"
            case PayloadTooBig():
                return f"websocket: read limit exceeded: a message of more than {self._limit_bytes} bytes"
            case _:
                return f"websocket: {error}"

    # --- sending

    def outgoing(self) -> bytes:
        """What is to be sent, answers to pings and to a close frame included."""
        return b"".join(self._protocol.data_to_send())

    def say(self, message: str | bytes) -> None:
        """Send a message: text or binary by its type. Raises `NotOpen`."""
        try:
            if isinstance(message, str):
                self._protocol.send_text(message.encode())
            else:
                self._protocol.send_binary(message)
        except InvalidState as exc:
            raise NotOpen("websocket: close sent") from exc

    def ping(self) -> None:
        """Ask for a sign of life."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")

    def close(self, code: int, reason: str) -> bool:
        """Send a close frame that `close_problem` has no objection to; false when the closing has begun already."""
        if self._protocol.state is not State.OPEN:
            return False
        self._protocol.send_close(code, reason)
        return True

    def _assembled(self, frame: Frame) -> Arrived | None:
        """The message that `frame` completes, or the control frame itself."""
        if frame.opcode in (Opcode.PING, Opcode.PONG, Opcode.CLOSE):
            return Arrived(kind=_KINDS[frame.opcode], data=bytes(frame.data))
        if frame.opcode is not Opcode.CONT:
            self._kind = _KINDS[frame.opcode]
            if frame.fin:
                return Arrived(kind=self._kind, data=bytes(frame.data))
        # One growing buffer, not a list: empty fragments cost no memory then, however many come.
        self._message += frame.data
        if not frame.fin:
            return None
        data = bytes(self._message)
        self._message.clear()
        return Arrived(kind=self._kind, data=data)


def _request(protocol: ClientProtocol, target: NormalUrl, headers: Mapping[str, str]) -> Request:
    """The handshake: the library's own fields, then the plugin's."""
    request = protocol.connect()
    # To the letter as it was judged: the library would drop the question mark of an empty query.
    request.path = target.path if target.query is None else f"{target.path}?{target.query}"
    for name, value in ({"User-Agent": USER_AGENT} | dict(headers)).items():
        if name in _HANDSHAKE_OWNED:
            raise BadHeader(f"websocket: duplicate header not allowed: {name}")
        if value and name != _PROTOCOL:
            # The library writes fields in Latin-1; this sends them in UTF-8, as the http service does.
            request.headers[name] = value.encode().decode("latin-1")
    return request


def _subprotocols(headers: Mapping[str, str]) -> list[Subprotocol] | None:
    """What the plugin offers in `Sec-WebSocket-Protocol`."""
    if not headers.get(_PROTOCOL):
        return None
    offered = [name.strip() for name in headers[_PROTOCOL].split(",")]
    bad = next((name for name in offered if not is_token(name)), None)
    if bad is not None:
        raise BadHeader(f"websocket: invalid subprotocol {bad!r}")
    return [Subprotocol(name) for name in offered]


def _handshake_text(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        response: Response = error.response
        return f"websocket: bad handshake: the server answered {response.status_code} {response.reason_phrase}".rstrip()
    cause = error.__cause__
    return f"websocket: bad handshake: {error}" + (f": {cause}" if cause is not None else "")
