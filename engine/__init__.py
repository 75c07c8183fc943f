"""The plugin host behind the Navidrome Plugin Workbench.

The names below are the package's API. They are imported at first use: the engine with wasmtime and its schema takes a
quarter of a second, which a program that only wants `Settings` or an event's type does not have to pay.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.calls import CallId, CallResult, HostCall, LogLine, Outcome, PluginId, Timings, TrapReport
    from engine.clock import Clock, SystemClock, VirtualClock
    from engine.engine import Engine
    from engine.errors import EngineError
    from engine.events import Event, EventBus, PluginState
    from engine.plugins.info import PluginInfo
    from engine.settings import Fidelity, PoolMode, Settings
    from engine.wasm.pool_statistics import PoolStatistics

__all__ = [
    "CallId",
    "CallResult",
    "Clock",
    "Engine",
    "EngineError",
    "Event",
    "EventBus",
    "Fidelity",
    "HostCall",
    "LogLine",
    "Outcome",
    "PluginId",
    "PluginInfo",
    "PluginState",
    "PoolMode",
    "PoolStatistics",
    "Settings",
    "SystemClock",
    "Timings",
    "TrapReport",
    "VirtualClock",
]

_HOMES = {
    "engine.calls": ("CallId", "CallResult", "HostCall", "LogLine", "Outcome", "PluginId", "Timings", "TrapReport"),
    "engine.clock": ("Clock", "SystemClock", "VirtualClock"),
    "engine.engine": ("Engine",),
    "engine.errors": ("EngineError",),
    "engine.events": ("Event", "EventBus", "PluginState"),
    "engine.plugins.info": ("PluginInfo",),
    "engine.settings": ("Fidelity", "PoolMode", "Settings"),
    "engine.wasm.pool_statistics": ("PoolStatistics",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
