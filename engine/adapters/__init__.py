"""One adapter per capability; `ADAPTERS` finds it by the capability's name."""

from engine.adapters.base import Adapter, Verdict
from engine.adapters.lifecycle import LifecycleManagement
from engine.adapters.metadata_agent import MetadataAgent
from engine.adapters.scheduler_callback import SchedulerCallback
from engine.adapters.scrobbler import Scrobbler
from engine.adapters.websocket_callback import WebSocketCallback

ADAPTERS: dict[str, type[Adapter]] = {
    adapter.capability: adapter
    for adapter in (MetadataAgent, Scrobbler, SchedulerCallback, WebSocketCallback, LifecycleManagement)
}

__all__ = [
    "ADAPTERS",
    "Adapter",
    "LifecycleManagement",
    "MetadataAgent",
    "SchedulerCallback",
    "Scrobbler",
    "Verdict",
    "WebSocketCallback",
]
