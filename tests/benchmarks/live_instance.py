"""Calls of one live instance, one after the other, with nothing of the engine around them but the calling convention.

`Engine` never does this: each of its calls gets an instance of its own, and is traced. So this reaches below it, for
the instance and the scope that the engine would use, and times messages, memory and guest alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from engine import Engine
from engine.calls import CallId
from engine.contracts import codec
from engine.contracts.registry import find_method
from engine.wasm.instance import Instance
from engine.wasm.scope import CallScope

_WARM_UP = 100


class LiveInstance:
    """A started instance that is held as long as it is measured."""

    def __init__(self, instance: Instance, scope: CallScope) -> None:
        self._instance = instance
        self._scope = scope

    async def call(self, method: str, request: Mapping[str, object], *, count: int) -> list[int]:
        """The time of each of `count` calls in nanoseconds, encoding and decoding included."""
        return await asyncio.to_thread(self._call, method, request, count)

    def _call(self, method: str, request: Mapping[str, object], count: int) -> list[int]:
        resolved = find_method(method)
        message = codec.build(resolved.request_type, request)
        times: list[int] = []
        for _ in range(min(_WARM_UP, count) + count):
            begin = time.perf_counter_ns()
            reply = self._instance.invoke(resolved.wire_name, codec.encode(message), self._scope)
            codec.decode(resolved.response_type, reply.data)
            times.append(time.perf_counter_ns() - begin)
        return times[-count:]


@asynccontextmanager
async def live_instance(engine: Engine, plugin: str, method: str) -> AsyncIterator[LiveInstance]:
    """An instance from the plugin's pool, out of reach of other calls meanwhile."""
    slot = engine._roster.find(plugin)
    version = await engine._roster.serving(slot, find_method(method))
    scope = engine._calls._make_scope(slot.id, CallId(0))
    scope.bind(version.permissions, version.config)
    lease = await version.pool.acquire(scope, asyncio.get_running_loop().create_future())
    try:
        yield LiveInstance(lease.instance, scope)
    finally:
        version.pool.release(lease, is_broken=False, memory_bytes=lease.instance.memory_size())
