"""Frozen values to show: plugins and finished calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.adapters.base import Verdict
from engine.calls import CallId, CallResult, HostCall, HostCallId, LogLine, Outcome, OutputStream, PluginId, Timings
from engine.contracts import api_pb2
from engine.events import PluginState
from engine.plugins.info import PluginInfo
from workbench.session import PluginStatus

FOLDER = Path("/plugins/sample")
USED = Verdict(ok=True, text="the answer is used as it is")
HOSTILE = "[/] [bold]x[/bold] [@click=app.quit]y[/] \x1b]52;c;eA==\x07\u202e\u200b\t\n日本 🎵"
"""Markup that crashes, an action, a clipboard sequence, direction and zero-width characters, wide ones."""


def info(plugin: str = "sample", **changes: Any) -> PluginInfo:
    """A plugin that serves, unless told otherwise."""
    values: dict[str, Any] = {
        "id": PluginId(plugin),
        "folder": plugin,
        "path": FOLDER,
        "state": PluginState.READY,
        "generation": 1,
        "version": "1.2.0",
        "author": "Somebody",
        "description": "Does something.",
        "capabilities": ("MetadataAgent", "LifecycleManagement"),
    }
    return PluginInfo(**(values | changes))


def status(
    plugin: str = "sample", state: str = "ready", *, about: dict[str, Any] | None = None, **more: Any
) -> PluginStatus:
    """A plugin with the state that the list shows."""
    return PluginStatus(info=info(plugin, **(about or {})), state=state, **more)


def answer(**changes: Any) -> CallResult:
    """A finished call that brought a biography."""
    values: dict[str, Any] = {
        "call_id": CallId(7),
        "plugin": PluginId("sample"),
        "version": "1.2.0",
        "generation": 1,
        "method": "MetadataAgent.GetArtistBiography",
        "request": api_pb2.ArtistBiographyRequest(name="Nina"),
        "outcome": Outcome.OK,
        "response": api_pb2.ArtistBiographyResponse(biography="Born somewhere."),
        "timings": Timings(queue_ns=5_000_000, guest_ns=2_000_000, host_ns=1_000_000),
        "duration_ns": 8_000_000,
        "memory_bytes": 65_536,
        "host_calls": (
            HostCall(
                host_call_id=HostCallId(1),
                method="CacheService.Has",
                request=None,
                response=None,
                error=None,
                start_ns=0,
                duration_ns=1_000_000,
            ),
        ),
        "logs": (LogLine(stream=OutputStream.STDERR, text="asked for Nina", time_ns=0),),
    }
    return CallResult(**(values | changes))
