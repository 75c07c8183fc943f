"""One capability call against one loaded version of a plugin: lease, run, release, result."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from engine.adapters.base import error_field, outcome_of_text
from engine.calls import CallId, CallResult, Outcome, Timings
from engine.contracts import codec
from engine.contracts.registry import Method
from engine.errors import PoolClosed
from engine.plugins.manifest import Manifest
from engine.plugins.permissions import Permissions
from engine.wasm.abi import Reply
from engine.wasm.faults import GuestFault
from engine.wasm.linking import LinkedModule
from engine.wasm.pool import InstancePool, Lease
from engine.wasm.scope import CallScope
from engine.wasm.threads import GuestThreads

_log = logging.getLogger(__name__)


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


@dataclass(slots=True)
class _Answer:
    """What came back from the guest, before it is put into a result."""

    outcome: Outcome
    response: Message | None = None
    error: str | None = None
    response_bytes: int = 0


async def run(
    call: ActiveCall, version: PluginVersion, threads: GuestThreads, *, timeout_s: float, load_ns: int = 0
) -> CallResult:
    """Run the call, at most `timeout_s` from now; never raises for what the plugin does.

    Raises `PoolClosed` when the version was replaced before the call got an instance.
    """
    loop = asyncio.get_running_loop()
    scope = call.scope
    scope.bind(version.permissions, version.config)
    scope.set_deadline(timeout_s)
    text = f"context deadline exceeded: no answer within {round(timeout_s, 2):g} s"
    timer = loop.call_later(timeout_s, call.stop, Outcome.TIMEOUT, text)
    begin = time.perf_counter_ns()
    request = codec.encode(call.request)
    lease: Lease | None = None
    fault: GuestFault | None = None
    answer = _Answer(Outcome.ERROR)
    hop_ns = 0
    try:
        lease = await version.pool.acquire(scope, call.stopped)
        hop_begin = time.perf_counter_ns()
        try:
            reply = await _invoke(lease, call, request, threads)
        finally:
            hop_ns = time.perf_counter_ns() - hop_begin - scope.inside_ns
        answer = _read(call.method, reply, scope)
    except GuestFault as error:
        fault = error
    except PoolClosed:
        raise
    except Exception as error:
        # The fence around a plugin call: whatever slipped through is our fault, and costs one call.
        _log.exception("call %s of %s failed inside the engine", call.method.full_name, scope.plugin)
        fault = GuestFault(Outcome.ERROR, f"the engine failed: {error}")
    finally:
        timer.cancel()
        memory_bytes = lease.instance.memory_size() if lease is not None else 0
        if lease is not None:
            version.pool.release(lease, is_broken=fault is not None)
    if fault is not None:
        answer = _Answer(fault.outcome, error=fault.text)
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
        hint=fault.hint if fault is not None else None,
        is_repaired=scope.is_repaired,
        is_warm=lease is not None and lease.is_warm,
        timings=Timings(
            load_ns=load_ns,
            queue_ns=lease.queue_ns + hop_ns if lease is not None else time.perf_counter_ns() - begin,
            start_ns=lease.start_ns if lease is not None else 0,
            guest_ns=max(0, scope.inside_ns - scope.host_ns),
            host_ns=scope.host_ns,
        ),
        duration_ns=time.perf_counter_ns() - begin,
        host_calls=tuple(scope.host_calls),
        logs=tuple(scope.logs),
        dropped_host_calls=scope.dropped_host_calls,
        dropped_logs=scope.dropped_logs,
        trap=fault.report if fault is not None else None,
        memory_bytes=memory_bytes,
        request_bytes=len(request),
        response_bytes=answer.response_bytes,
        cause=call.cause,
    )


async def _invoke(lease: Lease, call: ActiveCall, request: bytes, threads: GuestThreads) -> Reply:
    work = asyncio.wrap_future(threads.submit(lease.instance.invoke, call.method.wire_name, request, call.scope))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        # The instance may be released only after the guest has left it.
        call.stop(Outcome.CANCELLED, "context canceled")
        await asyncio.wait((work,))
        if not work.cancelled():
            work.exception()
        raise


def _read(method: Method, reply: Reply, scope: CallScope) -> _Answer:
    if reply.is_error:
        text = reply.data.decode("utf-8", errors="replace")
        return _Answer(outcome_of_text(text), error=text, response_bytes=len(reply.data))
    try:
        decoded = codec.decode(method.response_type, reply.data)
    except codec.DecodeError as error:
        raise GuestFault(Outcome.BAD_REPLY, str(error)) from error
    scope.is_repaired = decoded.is_repaired
    text = error_field(decoded.message)
    return _Answer(
        outcome_of_text(text) if text else Outcome.OK,
        response=decoded.message,
        error=text or None,
        response_bytes=len(reply.data),
    )
