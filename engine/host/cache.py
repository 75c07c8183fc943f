"""The cache service: each plugin's own values in memory, until their time is up (spec behaviour section 6)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TypeAlias

from cachetools import TLRUCache

from engine.calls import PluginId
from engine.clock import Clock
from engine.contracts.host.cache_pb2 import (
    GetBytesResponse,
    GetFloatResponse,
    GetIntResponse,
    GetRequest,
    GetStringResponse,
    HasRequest,
    HasResponse,
    RemoveRequest,
    RemoveResponse,
    SetBytesRequest,
    SetFloatRequest,
    SetIntRequest,
    SetResponse,
    SetStringRequest,
)
from engine.host.base import HostScope, HostService
from engine.settings import Limits

DEFAULT_TTL_S = 24 * 60 * 60
"""Lifetime of a value that is set with none, or with a negative one."""

MAX_TTL_S = 100 * 365 * 24 * 60 * 60
"""Longest lifetime; what goes beyond is cut to it."""

ENTRY_BYTES = 512
"""What one entry is counted besides its key and value: about what it costs in memory, so that a plugin cannot
fill the host's with millions of empty values."""

CacheValue: TypeAlias = str | int | float | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A value with its lifetime; its kind is its Python type."""

    value: CacheValue
    ttl_ns: int
    size_bytes: int


class _Store:
    """The values of one plugin; safe from any thread."""

    def __init__(self, clock: Clock, limit_bytes: int) -> None:
        self._lock = threading.Lock()
        self._limit_bytes = limit_bytes
        # It is never let run full, so it never evicts: only its lifetimes and its size count are used.
        self._entries: TLRUCache[str, _Entry] = TLRUCache(
            maxsize=limit_bytes,
            ttu=lambda key, entry, now_ns: now_ns + entry.ttl_ns,
            timer=clock.monotonic_ns,
            getsizeof=lambda entry: entry.size_bytes,
        )

    def put(self, key: str, value: CacheValue, ttl_seconds: int) -> bool:
        """Set `key`, replacing what it held; false, and nothing changed, when it does not fit."""
        ttl_s = DEFAULT_TTL_S if ttl_seconds <= 0 else min(ttl_seconds, MAX_TTL_S)
        entry = _Entry(value=value, ttl_ns=ttl_s * 1_000_000_000, size_bytes=_size_bytes(key, value))
        with self._lock:
            # Asking for the size drops what has expired.
            used_bytes = self._entries.currsize
            old = self._entries.get(key)
            freed_bytes = 0 if old is None else old.size_bytes
            if used_bytes - freed_bytes + entry.size_bytes > self._limit_bytes:
                return False
            self._entries[key] = entry
            return True

    def find(self, key: str) -> CacheValue | None:
        """The value of `key`, or None when it has none or its time is up."""
        with self._lock:
            entry = self._entries.get(key)
        return None if entry is None else entry.value

    def drop(self, key: str) -> None:
        """Forget `key`, if it is there."""
        with self._lock:
            self._entries.pop(key, None)


class CacheService(HostService):
    """Keeps values per plugin and key; they outlive a refresh of the plugin, not its removal, nor the engine."""

    service = "CacheService"

    def __init__(self, clock: Clock, limits: Limits) -> None:
        """Each plugin may fill `limits.cache_bytes`; lifetimes pass on `clock`."""
        self._limit_bytes = limits.cache_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._stores: dict[PluginId, _Store] = {}

    def set_string(self, request: SetStringRequest, scope: HostScope) -> SetResponse:
        return self._set(request.key, request.value, request.ttl_seconds, scope)

    def set_int(self, request: SetIntRequest, scope: HostScope) -> SetResponse:
        return self._set(request.key, request.value, request.ttl_seconds, scope)

    def set_float(self, request: SetFloatRequest, scope: HostScope) -> SetResponse:
        return self._set(request.key, request.value, request.ttl_seconds, scope)

    def set_bytes(self, request: SetBytesRequest, scope: HostScope) -> SetResponse:
        return self._set(request.key, request.value, request.ttl_seconds, scope)

    def get_string(self, request: GetRequest, scope: HostScope) -> GetStringResponse:
        value = self._store(scope.plugin).find(request.key)
        return GetStringResponse(exists=True, value=value) if isinstance(value, str) else GetStringResponse()

    def get_int(self, request: GetRequest, scope: HostScope) -> GetIntResponse:
        value = self._store(scope.plugin).find(request.key)
        return GetIntResponse(exists=True, value=value) if isinstance(value, int) else GetIntResponse()

    def get_float(self, request: GetRequest, scope: HostScope) -> GetFloatResponse:
        value = self._store(scope.plugin).find(request.key)
        return GetFloatResponse(exists=True, value=value) if isinstance(value, float) else GetFloatResponse()

    def get_bytes(self, request: GetRequest, scope: HostScope) -> GetBytesResponse:
        value = self._store(scope.plugin).find(request.key)
        return GetBytesResponse(exists=True, value=value) if isinstance(value, bytes) else GetBytesResponse()

    def remove(self, request: RemoveRequest, scope: HostScope) -> RemoveResponse:
        self._store(scope.plugin).drop(request.key)
        return RemoveResponse(success=True)

    def has(self, request: HasRequest, scope: HostScope) -> HasResponse:
        return HasResponse(exists=self._store(scope.plugin).find(request.key) is not None)

    def forget(self, plugin: PluginId) -> None:
        with self._lock:
            self._stores.pop(plugin, None)

    def close(self) -> None:
        with self._lock:
            self._stores.clear()

    def _set(self, key: str, value: CacheValue, ttl_seconds: int, scope: HostScope) -> SetResponse:
        is_kept = self._store(scope.plugin).put(key, value, ttl_seconds)
        if not is_kept:
            limit = f"{self._limit_bytes} bytes (Cache in [Workbench.Limits])"
            scope.note(f"not kept: it does not fit into what is left of the plugin's {limit}")
        return SetResponse(success=is_kept)

    def _store(self, plugin: PluginId) -> _Store:
        with self._lock:
            store = self._stores.get(plugin)
            if store is None:
                store = self._stores[plugin] = _Store(self._clock, self._limit_bytes)
            return store


def _size_bytes(key: str, value: CacheValue) -> int:
    match value:
        case str():
            size_bytes = len(value.encode())
        case bytes():
            size_bytes = len(value)
        case _:
            size_bytes = 8
    return ENTRY_BYTES + len(key.encode()) + size_bytes
