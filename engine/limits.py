"""What one plugin may use, and how instances are kept: `[Workbench.Limits]` and `[Workbench.Pool]`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.settings_sources import (
    SettingSources,
    count,
    count_or_none,
    one_of,
    seconds,
    seconds_or_unlimited,
    size,
)

_KIB, _MIB = 1024, 1024 * 1024

UNLIMITED_S: Final = math.inf
"""A time limit that never comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`[Workbench.Limits]`: what one plugin may use; Navidrome has few of them."""

    call_timeout_s: float = 120.0
    """One capability call, from when an instance is asked for; `UNLIMITED_S` for none."""
    start_timeout_s: float = 120.0
    """Starting one instance beside calls: `_initialize` of a new version or of a spare."""
    memory_bytes: int = 256 * _MIB
    """Linear memory of one instance."""
    output_bytes: int = 16 * _MIB
    """stdout and stderr of one call together."""
    output_bytes_per_s: int = _MIB
    """The same within a second of real time; what was not used in the second before is not saved up."""
    output_line_bytes: int = 16 * _KIB
    response_bytes: int = 32 * _MIB
    host_request_bytes: int = 32 * _MIB
    """One request of a guest to a host service."""
    host_calls: int = 100_000
    """Host calls in one capability call."""
    module_bytes: int = 128 * _MIB
    compile_cpu_s: float = 60.0
    """Processor time, over all cores, that one compilation may take; the system counts whole seconds."""
    http_timeout_s: float = 60.0
    """The longest `timeout_ms` that a plugin gets."""
    http_body_bytes: int = 16 * _MIB
    cache_bytes: int = 64 * _MIB
    """Keys and values of one plugin in the cache service."""
    schedules: int = 1_000
    """Schedules of one plugin."""
    schedule_bytes: int = 16 * _MIB
    """Their ids, texts and payloads together."""
    websocket_connections: int = 32
    """Open connections of one plugin."""
    websocket_message_bytes: int = 16 * _MIB
    """One message, in either direction."""
    websocket_silence_s: float = 60.0
    """A connection on which no frame arrives for so long is broken; it is pinged at half the time."""
    websocket_handshake_s: float = 45.0
    """From the permission check to an open connection."""


class PoolMode(StrEnum):
    """What becomes of an instance after its call (spec behaviour section 13)."""

    FRESH = "fresh"
    """Thrown away: every call gets one that no call has used; started spares are kept ready."""
    REUSE = "reuse"
    """Kept for the next call, its memory as it is, unless its guest was stopped: what Navidrome 0.58 does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """`[Workbench.Pool]`: started instances kept ready (spec behaviour section 13)."""

    mode: PoolMode = PoolMode.FRESH
    max_idle: int = 8
    """Idle instances per plugin: unused ones, or in `REUSE` those that wait for another call."""
    max_in_use: int = 10
    wait_s: float = 5.0
    """How long a call waits for a slot."""
    idle_s: float = 60.0
    """How long an idle instance is kept, from its start or its last call."""
    max_idle_total: int = 32
    """Unused instances over all plugins; in `REUSE` there is no such limit, as there is none in Navidrome."""


def read_limits(sources: SettingSources) -> Limits:
    """The limits that `sources` give; raises `SettingsError`."""
    default = Limits()
    read = sources.section("Workbench.Limits")
    return Limits(
        call_timeout_s=read("CallTimeout", seconds_or_unlimited, default.call_timeout_s),
        start_timeout_s=read("StartTimeout", seconds, default.start_timeout_s),
        memory_bytes=read("Memory", size, default.memory_bytes),
        output_bytes=read("Output", size, default.output_bytes),
        output_bytes_per_s=read("OutputRate", size, default.output_bytes_per_s),
        output_line_bytes=read("OutputLine", size, default.output_line_bytes),
        response_bytes=read("Response", size, default.response_bytes),
        host_request_bytes=read("HostRequest", size, default.host_request_bytes),
        host_calls=read("HostCalls", count, default.host_calls),
        module_bytes=read("Module", size, default.module_bytes),
        compile_cpu_s=read("CompileCPU", seconds, default.compile_cpu_s),
        http_timeout_s=read("HTTPTimeout", seconds, default.http_timeout_s),
        http_body_bytes=read("HTTPBody", size, default.http_body_bytes),
        cache_bytes=read("Cache", size, default.cache_bytes),
        schedules=read("Schedules", count, default.schedules),
        schedule_bytes=read("ScheduleBytes", size, default.schedule_bytes),
        websocket_connections=read("WebSocketConnections", count, default.websocket_connections),
        websocket_message_bytes=read("WebSocketMessage", size, default.websocket_message_bytes),
        websocket_silence_s=read("WebSocketSilence", seconds, default.websocket_silence_s),
        websocket_handshake_s=read("WebSocketHandshake", seconds, default.websocket_handshake_s),
    )


def read_pool(sources: SettingSources) -> PoolSettings:
    """The pool's settings that `sources` give; raises `SettingsError`."""
    default = PoolSettings()
    read = sources.section("Workbench.Pool")
    return PoolSettings(
        mode=read("Mode", _pool_mode, default.mode),
        max_idle=read("MaxIdle", count_or_none, default.max_idle),
        max_in_use=read("MaxInUse", count, default.max_in_use),
        wait_s=read("Wait", seconds, default.wait_s),
        idle_s=read("Idle", seconds, default.idle_s),
        max_idle_total=read("MaxIdleTotal", count_or_none, default.max_idle_total),
    )


def _pool_mode(value: object) -> PoolMode:
    return PoolMode(one_of(*PoolMode)(value))
