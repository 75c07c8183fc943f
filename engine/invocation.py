"""One capability call against one loaded version of a plugin: lease, run, release, result."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from engine.adapters.base import error_field, outcome_of_text
from engine.calls import CallId, CallResult, Outcome, Timings, cut_text
from engine.contracts import codec
from engine.contracts.registry import Method
from engine.plugins.manifest import Manifest
from engine.plugins.permissions import Permissions
from engine.wasm.faults import GuestFault
from engine.wasm.linking import LinkedModule
from engine.wasm.pool import InstancePool, Lease
from engine.wasm.scope import CallScope
from engine.wasm.threads import GuestThreads

_log = logging.getLogger(__name__)

_KEPT_ERROR_BYTES = 16 * 1024
_GUEST_RETURNED = (Outcome.BAD_REPLY, Outcome.RESPONSE_LIMIT)
"""Faults of what the guest answered, not of the guest: it came to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginVersion:
    """One load of a plugin, complete and able to serve. Never changes; a refresh makes another one."""

    generation: int
    manifest: Manifest
    permissions: Permissions
    """What the manifest grants under the settings' rule for manifests that declare nothing."""
    config: Mapping[str, str]
    """The plugin's own `PluginConfig` section."""
    linked: LinkedModule
    pool: InstancePool


class ActiveCall:
    """A call under way: its scope, and a future that is done as soon as it is to be given up."""

    def __init__(self, call_id: CallId, method: Method, request: Message, scope: CallScope, cause: str | None) -> None:
        self.call_id = call_id
        self.method = method
        self.request = request
        self.scope = scope
        self.cause = cause
        self.stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.finished = asyncio.Event()
        """Set once the result was reported."""

    def stop(self, outcome: Outcome, text: str) -> bool:
        """Give the call up wherever it is; false when it was stopped before. Engine loop only."""
        is_first = self.scope.interrupt(outcome, text)
        if not self.stopped.done():
            self.stopped.set_result(None)
        return is_first

    def result(self, outcome: Outcome, error: str | None, *, hint: str | None = None, load_ns: int = 0) -> CallResult:
        """The result of a call that no version of the plugin served."""
        return CallResult(
            call_id=self.call_id,
            plugin=self.scope.plugin,
            version="",
            generation=0,
            method=self.method.full_name,
            request=self.request,
            outcome=outcome,
            error=error,
            hint=hint,
            cause=self.cause,
            timings=Timings(load_ns=load_ns),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came back from the guest, before it is put into a result."""

    outcome: Outcome
    response: Message | None = None
    error: str | None = None
    request_bytes: int = 0
    response_bytes: int = 0


async def run(
    call: ActiveCall, version: PluginVersion, threads: GuestThreads, *, timeout_s: float, load_ns: int = 0
) -> CallResult:
    """Run the call, at most `timeout_s` from now; never raises for what the plugin does.

    Raises `PoolClosed` when the version was replaced before the call got an instance.
    """
    scope = call.scope
    scope.bind(version.permissions, version.config)
    scope.set_deadline(timeout_s)
    text = f"context deadline exceeded: no answer within {round(timeout_s, 2):g} s"
    timer = asyncio.get_running_loop().call_later(timeout_s, call.stop, Outcome.TIMEOUT, text)
    begin_ns = time.perf_counter_ns()
    try:
        lease = await version.pool.acquire(scope, call.stopped)
    except GuestFault as fault:
        timer.cancel()
        waited = Timings(load_ns=load_ns, queue_ns=time.perf_counter_ns() - begin_ns)
        return _result(call, version, fault, timings=waited, begin_ns=begin_ns, lease=None)
    except BaseException:
        timer.cancel()
        raise
    hop_begin_ns = time.perf_counter_ns()
    ending: _Answer | GuestFault = GuestFault(Outcome.CANCELLED, "context canceled")
    memory_bytes = 0
    try:
        ending = await _answer_of(lease, call, threads)
        memory_bytes = lease.instance.memory_size()
    finally:
        timer.cancel()
        was_stopped = isinstance(ending, GuestFault) and ending.outcome not in _GUEST_RETURNED
        version.pool.release(lease, is_broken=was_stopped, memory_bytes=memory_bytes)
    hop_ns = time.perf_counter_ns() - hop_begin_ns - scope.inside_ns
    timings = Timings(
        load_ns=load_ns,
        queue_ns=lease.queue_ns + hop_ns,
        start_ns=lease.start_ns,
        guest_ns=max(0, scope.inside_ns - scope.host_ns),
        host_ns=scope.host_ns,
    )
    return _result(call, version, ending, timings=timings, begin_ns=begin_ns, lease=lease, memory_bytes=memory_bytes)


async def _answer_of(lease: Lease, call: ActiveCall, threads: GuestThreads) -> _Answer | GuestFault:
    """Run the guest, and what depends on the size of its messages, on a thread; how it ended, as a value."""
    try:
        return await threads.run(
            lambda: _invoke(lease, call), interrupt=lambda: call.stop(Outcome.CANCELLED, "context canceled")
        )
    except GuestFault as fault:
        return fault
    except Exception as error:
        # The fence around a plugin call: whatever slipped through is our fault, and costs one call.
        _log.exception("call %s of %s failed inside the engine", call.method.full_name, call.scope.plugin)
        return GuestFault(Outcome.ERROR, f"the engine failed: {error}")


def _invoke(lease: Lease, call: ActiveCall) -> _Answer:
    """Guest thread: encode, call, decode; raises `GuestFault`."""
    request = codec.encode(call.request)
    reply = lease.instance.invoke(call.method.wire_name, request, call.scope)
    size = len(reply.data)
    if reply.is_error:
        text = cut_text(reply.data[: 4 * _KEPT_ERROR_BYTES].decode("utf-8", errors="replace"))
        return _Answer(outcome=outcome_of_text(text), error=text, request_bytes=len(request), response_bytes=size)
    try:
        decoded = codec.decode(call.method.response_type, reply.data)
    except codec.DecodeError as error:
        raise GuestFault(Outcome.BAD_REPLY, str(error)) from error
    call.scope.is_repaired = decoded.is_repaired
    text = cut_text(error_field(decoded.message))
    return _Answer(
        outcome=outcome_of_text(text) if text else Outcome.OK,
        response=decoded.message,
        error=text or None,
        request_bytes=len(request),
        response_bytes=size,
    )


def _result(
    call: ActiveCall,
    version: PluginVersion,
    ending: _Answer | GuestFault,
    *,
    timings: Timings,
    begin_ns: int,
    lease: Lease | None,
    memory_bytes: int = 0,
) -> CallResult:
    scope = call.scope
    fault = ending if isinstance(ending, GuestFault) else None
    answer = _Answer(outcome=ending.outcome, error=ending.text) if isinstance(ending, GuestFault) else ending
    return CallResult(
        call_id=call.call_id,
        plugin=scope.plugin,
        version=version.manifest.version,
        generation=version.generation,
        method=call.method.full_name,
        request=call.request,
        outcome=answer.outcome,
        response=answer.response,
        error=answer.error,
        hint=None if fault is None else fault.hint,
        is_repaired=scope.is_repaired,
        is_warm=lease is not None and lease.is_warm,
        timings=timings,
        duration_ns=time.perf_counter_ns() - begin_ns,
        host_calls=tuple(scope.host_calls),
        logs=tuple(scope.logs),
        dropped_host_calls=scope.dropped_host_calls,
        dropped_logs=scope.dropped_logs,
        trap=None if fault is None else fault.report,
        memory_bytes=memory_bytes,
        request_bytes=answer.request_bytes or call.request.ByteSize(),
        response_bytes=answer.response_bytes,
        cause=call.cause,
    )
