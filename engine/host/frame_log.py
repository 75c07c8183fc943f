"""What went over one WebSocket connection: counted, the last frames kept, each published."""

from __future__ import annotations

from collections import deque
from typing import Final

from engine.calls import PluginId
from engine.events import FrameKind, SocketFrame
from engine.host.base import Host
from engine.host.socket_info import FrameRecord

_KEPT_FRAMES: Final = 256
_KEPT_HEAD_BYTES: Final = 1024


class FrameLog:
    """The frames of one connection; belongs to the engine's loop."""

    def __init__(self, plugin: PluginId, connection_id: str, host: Host) -> None:
        self.frames_sent = self.frames_received = 0
        self.bytes_sent = self.bytes_received = 0
        self._plugin = plugin
        self._connection_id = connection_id
        self._host = host
        self._last: deque[FrameRecord] = deque(maxlen=_KEPT_FRAMES)

    def last(self) -> tuple[FrameRecord, ...]:
        """The last frames both ways, oldest first."""
        return tuple(self._last)

    def sent(self, kind: FrameKind, data: bytes) -> None:
        """A frame goes to the server."""
        self.frames_sent += 1
        self.bytes_sent += len(data)
        self._keep(kind, data, is_sent=True)

    def received(self, kind: FrameKind, data: bytes, *, is_injected: bool = False) -> None:
        """A frame came from the server, or was put in as if it had."""
        self.frames_received += 1
        self.bytes_received += len(data)
        self._keep(kind, data, is_injected=is_injected, is_repaired=kind is FrameKind.TEXT and not _is_utf8(data))

    def _keep(
        self,
        kind: FrameKind,
        data: bytes,
        *,
        is_sent: bool = False,
        is_injected: bool = False,
        is_repaired: bool = False,
    ) -> None:
        time_ns = self._host.clock.now_ns()
        self._last.append(
            FrameRecord(
                time_ns=time_ns,
                is_sent=is_sent,
                kind=kind,
                size_bytes=len(data),
                head=data[:_KEPT_HEAD_BYTES],
                is_injected=is_injected,
                is_repaired=is_repaired,
            )
        )
        self._host.bus.publish(
            SocketFrame(
                time_ns=time_ns,
                plugin=self._plugin,
                connection_id=self._connection_id,
                is_sent=is_sent,
                kind=kind,
                size_bytes=len(data),
                is_injected=is_injected,
                is_repaired=is_repaired,
            )
        )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
