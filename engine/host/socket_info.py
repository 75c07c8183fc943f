"""What can be seen of a plugin's WebSocket connections from outside: frozen snapshots."""

from __future__ import annotations

from dataclasses import dataclass

from engine.calls import PluginId
from engine.events import FrameKind


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecord:
    """One frame that went over a connection; a fragmented message counts as one."""

    time_ns: int
    is_sent: bool
    """From the plugin's side; otherwise it arrived."""
    kind: FrameKind
    size_bytes: int
    head: bytes
    """The first bytes of what it holds."""
    is_injected: bool = False
    is_repaired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketInfo:
    """One open connection."""

    plugin: PluginId
    connection_id: str
    url: str
    """What the plugin asked for, normalised."""
    routed_to: str | None
    """Where a route of the user led instead."""
    opened_ns: int
    """Wall time of the engine's clock."""
    frames_sent: int
    frames_received: int
    bytes_sent: int
    bytes_received: int
    is_held: bool
    """Nothing is delivered yet, because the OnInit that made the connection still runs."""
