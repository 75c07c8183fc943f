"""Events as the engine publishes them, made by hand for tests of the trace."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from google.protobuf.message import Message

from engine.calls import (
    CallId,
    CallResult,
    HostCall,
    HostCallId,
    LogLine,
    Outcome,
    OutputStream,
    PluginId,
    Timings,
    TrapReport,
)
from engine.contracts.api_pb2 import ArtistMBIDRequest, ArtistMBIDResponse
from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from engine.events import CallFinished, CallStarted, Event, GuestWrote, HostCallFinished, HostCallStarted

START_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""
METHOD = "MetadataAgent.GetArtistMBID"
LYRE = PluginId("lyre")

_host_call_ids = itertools.count(1)


def request(name: str = "Nina Simone") -> ArtistMBIDRequest:
    return ArtistMBIDRequest(id="1", name=name)


def started(call_id: int, *, plugin: str = LYRE, method: str = METHOD, message: Message | None = None) -> CallStarted:
    return CallStarted(
        time_ns=START_NS + call_id * 1_000_000,
        plugin=PluginId(plugin),
        call_id=CallId(call_id),
        method=method,
        request=message or request(),
    )


def host_call(
    *,
    method: str = "HttpService.Get",
    message: Message | None = None,
    response: Message | None = None,
    error: str | None = None,
    is_trap: bool = False,
    notes: Sequence[str] = (),
) -> HostCall:
    message = message or HttpRequest(url="http://127.0.0.1/artist")
    response = response or (None if error else HttpResponse(status=200, body=b"{}"))
    return HostCall(
        host_call_id=HostCallId(next(_host_call_ids)),
        method=method,
        request=message,
        response=response,
        error=error,
        is_trap=is_trap,
        start_ns=200_000,
        duration_ns=1_500_000,
        request_bytes=message.ByteSize(),
        response_bytes=0 if response is None else response.ByteSize(),
        notes=tuple(notes),
    )


def host_started(call_id: int | None, call: HostCall, *, plugin: str = LYRE) -> HostCallStarted:
    return HostCallStarted(
        time_ns=START_NS,
        plugin=PluginId(plugin),
        call_id=None if call_id is None else CallId(call_id),
        host_call_id=call.host_call_id,
        method=call.method,
    )


def host_finished(call_id: int | None, call: HostCall, *, plugin: str = LYRE) -> HostCallFinished:
    return HostCallFinished(
        time_ns=START_NS,
        plugin=PluginId(plugin),
        call_id=None if call_id is None else CallId(call_id),
        host_call=call,
    )


def log_line(text: str, *, stream: OutputStream = OutputStream.STDERR) -> LogLine:
    return LogLine(stream=stream, text=text, time_ns=START_NS)


def wrote(text: str, *, call_id: int | None = None, plugin: str = LYRE) -> GuestWrote:
    return GuestWrote(
        time_ns=START_NS,
        plugin=PluginId(plugin),
        call_id=None if call_id is None else CallId(call_id),
        line=log_line(text),
    )


def result(
    call_id: int,
    *,
    plugin: str = LYRE,
    method: str = METHOD,
    message: Message | None = None,
    response: Message | None = None,
    outcome: Outcome = Outcome.OK,
    error: str | None = None,
    hint: str | None = None,
    host_calls: Sequence[HostCall] = (),
    logs: Sequence[LogLine] = (),
    trap: TrapReport | None = None,
    dropped_host_calls: int = 0,
) -> CallResult:
    message = message or request()
    if response is None and outcome is Outcome.OK:
        response = ArtistMBIDResponse(mbid="nina")
    return CallResult(
        call_id=CallId(call_id),
        plugin=PluginId(plugin),
        version="1.2.3",
        generation=1,
        method=method,
        request=message,
        outcome=outcome,
        response=response,
        error=error,
        hint=hint,
        timings=Timings(queue_ns=10_000, guest_ns=900_000, host_ns=1_500_000),
        duration_ns=2_410_000,
        host_calls=tuple(host_calls),
        logs=tuple(logs),
        trap=trap,
        memory_bytes=4 << 20,
        request_bytes=message.ByteSize(),
        response_bytes=0 if response is None else response.ByteSize(),
        dropped_host_calls=dropped_host_calls,
    )


def finished(answer: CallResult) -> CallFinished:
    return CallFinished(
        time_ns=START_NS + answer.call_id * 1_000_000 + answer.duration_ns,
        plugin=answer.plugin,
        call_id=answer.call_id,
        result=answer,
    )


def whole_call(
    call_id: int,
    *,
    plugin: str = LYRE,
    method: str = METHOD,
    outcome: Outcome = Outcome.OK,
    error: str | None = None,
    host_calls: Sequence[HostCall] = (),
) -> list[Event]:
    """Everything that the engine says of one call, in order."""
    events: list[Event] = [started(call_id, plugin=plugin, method=method)]
    for call in host_calls:
        events += [host_started(call_id, call, plugin=plugin), host_finished(call_id, call, plugin=plugin)]
    answer = result(call_id, plugin=plugin, method=method, outcome=outcome, error=error, host_calls=host_calls)
    return [*events, finished(answer)]
