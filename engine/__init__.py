"""The plugin host behind the Navidrome Plugin Workbench."""

from engine.calls import CallId, CallResult, HostCall, LogLine, Outcome, PluginId, Timings, TrapReport
from engine.clock import Clock, SystemClock, VirtualClock
from engine.engine import Engine
from engine.errors import EngineError
from engine.events import Event, EventBus, PluginState
from engine.plugins.info import PluginInfo
from engine.settings import Settings

__all__ = [
    "CallId",
    "CallResult",
    "Clock",
    "Engine",
    "EngineError",
    "Event",
    "EventBus",
    "HostCall",
    "LogLine",
    "Outcome",
    "PluginId",
    "PluginInfo",
    "PluginState",
    "Settings",
    "SystemClock",
    "Timings",
    "TrapReport",
    "VirtualClock",
]
