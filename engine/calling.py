"""The calls of an engine: each is opened, traced, waited for, run against a version, and reported exactly once."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable

from google.protobuf.message import Message

from engine import invocation
from engine.calls import CallId, CallResult, Outcome, PluginId
from engine.clock import Clock
from engine.contracts.registry import Method
from engine.errors import EngineError, PoolClosed
from engine.events import CallFinished, CallStarted, EventBus
from engine.invocation import ActiveCall, PluginVersion
from engine.tasks import Tasks
from engine.wasm.scope import CallScope
from engine.wasm.threads import GuestThreads

_log = logging.getLogger(__name__)

_call_ids = itertools.count(1)

VersionSource = Callable[[Method], Awaitable[PluginVersion]]
"""Gives the version that is to serve, after waiting for it; raises `EngineError` when there is none."""


class Calls:
    """All calls under way; belongs to the engine's loop."""

    def __init__(
        self,
        *,
        make_scope: Callable[[PluginId, CallId], CallScope],
        threads: GuestThreads,
        tasks: Tasks,
        clock: Clock,
        bus: EventBus,
    ) -> None:
        self._make_scope = make_scope
        self._threads = threads
        self._tasks = tasks
        self._clock = clock
        self._bus = bus
        self._active: dict[CallId, ActiveCall] = {}
        self._closing_text: str | None = None

    async def call(
        self,
        plugin: PluginId,
        method: Method,
        request: Message,
        source: VersionSource,
        *,
        timeout_s: float,
        cause: str | None,
        initialises: int | None = None,
    ) -> CallResult:
        """Run one call; never raises for what the plugin does.

        `timeout_s` counts from when an instance is asked for; `initialises` is the generation whose OnInit this is.
        """
        call_id = CallId(next(_call_ids))
        call = ActiveCall(call_id, method, request, self._make_scope(plugin, call_id), cause)
        call.scope.initialising = initialises
        self._active[call_id] = call
        self._bus.publish(
            CallStarted(
                time_ns=self._clock.now_ns(),
                plugin=plugin,
                call_id=call_id,
                method=method.full_name,
                request=request,
                cause=cause,
            )
        )
        if self._closing_text is not None:
            call.stop(Outcome.CANCELLED, self._closing_text)  # a timer or a socket that does not know yet
        # In a task of its own: when the caller gives up, the call is still ended in order and reported.
        task = self._tasks.spawn(f"call {call_id} of {plugin}", self._serve(call, source, timeout_s))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            call.stop(Outcome.CANCELLED, "context canceled")
            raise

    def cancel(self, call_id: CallId) -> bool:
        """End a call under way as `CANCELLED`; false when it is over already."""
        call = self._active.get(call_id)
        return call is not None and call.stop(Outcome.CANCELLED, "context canceled")

    def stop_plugin(self, plugin: PluginId, text: str) -> None:
        """End every call of a plugin as `CANCELLED`."""
        for call in list(self._active.values()):
            if call.scope.plugin == plugin:
                call.stop(Outcome.CANCELLED, text)

    async def stop_all(self, text: str, *, limit_s: float) -> None:
        """End every call as `CANCELLED`, also those still to come, and wait until all are reported, or so long."""
        self._closing_text = text
        for call in list(self._active.values()):
            call.stop(Outcome.CANCELLED, text)
        try:
            async with asyncio.timeout(limit_s):
                while self._active:
                    await asyncio.gather(*(call.finished.wait() for call in list(self._active.values())))
        except TimeoutError:
            _log.warning("%d calls did not end within %s s", len(self._active), limit_s)

    async def _serve(self, call: ActiveCall, source: VersionSource, timeout_s: float) -> CallResult:
        result = call.result(Outcome.CANCELLED, "the engine is closing")
        try:
            result = await self._run(call, source, timeout_s)
        finally:
            del self._active[call.call_id]
            self._bus.publish(
                CallFinished(
                    time_ns=self._clock.now_ns(), plugin=call.scope.plugin, call_id=call.call_id, result=result
                )
            )
            call.finished.set()
        return result

    async def _run(self, call: ActiveCall, source: VersionSource, timeout_s: float) -> CallResult:
        loop = asyncio.get_running_loop()
        begin = time.perf_counter_ns()
        deadline: float | None = None
        load_ns = 0
        served: PluginVersion | None = None
        while True:
            version = await self._version(call, source)
            if deadline is None:
                # Compiling is not in the time limit; waiting for an instance is.
                deadline = loop.time() + timeout_s
                load_ns = time.perf_counter_ns() - begin
            if version is None or call.scope.stop_outcome is not None:
                outcome = call.scope.stop_outcome or Outcome.CANCELLED
                return call.result(outcome, call.scope.stop_text, load_ns=load_ns)
            if isinstance(version, EngineError):
                return call.result(Outcome.LOAD_FAILED, version.summary, hint=version.hint, load_ns=load_ns)
            try:
                return await invocation.run(
                    call, version, self._threads, timeout_s=max(0.0, deadline - loop.time()), load_ns=load_ns
                )
            except PoolClosed as error:
                # The version was replaced while the call waited for an instance: it goes to the next one.
                if version is served:
                    return call.result(Outcome.CANCELLED, str(error), load_ns=load_ns)
                served = version

    async def _version(self, call: ActiveCall, source: VersionSource) -> PluginVersion | EngineError | None:
        """The version to call, or why there is none; None when the call was stopped first."""
        waiting = self._tasks.spawn(f"version for call {call.call_id}", _settle(source(call.method)))
        await asyncio.wait((waiting, call.stopped), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        return None


async def _settle(source: Awaitable[PluginVersion]) -> PluginVersion | EngineError:
    """The version, or the reason there is none as a value: a refused call is no failed task."""
    try:
        return await source
    except EngineError as error:
        return error
