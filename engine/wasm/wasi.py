"""The WASI functions that the sandbox replaces, and the configuration of the rest.

wasmtime's own preview1 stays linked beneath: no arguments, environment, folders or sockets. Replaced are fd_write
(output goes to the call's scope, in order with host calls), poll_oneoff (sleeps that a cancel ends) and proc_exit
(every exit code, not only the small ones); clock_time_get and random_get only where the world decides what time and
chance are. Layouts and error numbers are those of the wasi_snapshot_preview1 witx.
"""

from __future__ import annotations

import struct
from typing import Final, Protocol

import wasmtime

from engine.calls import Outcome, OutputStream
from engine.wasm.abi import I32, I64, WASI_MODULE
from engine.wasm.faults import HostStop
from engine.wasm.paths import HostBody, HostFunction, Types
from engine.wasm.scope import CallScope
from engine.wasm.senses import Senses, World

_OK: Final = 0
_BADF: Final = 8
_FAULT: Final = 21
_INVAL: Final = 28

_STREAMS: Final = {1: OutputStream.STDOUT, 2: OutputStream.STDERR}
_MAX_VECTORS: Final = 1024
_MAX_SUBSCRIPTIONS: Final = 1024

_SUBSCRIPTION_BYTES: Final = 48
_EVENT_BYTES: Final = 32
_TAG_CLOCK: Final = 0
_ABSOLUTE: Final = 1
_REALTIME: Final = 0
_U64: Final = (1 << 64) - 1
_DRAWN_BYTES: Final = 64 * 1024
_LONGEST_SLEEP_NS: Final = 365 * 24 * 3600 * 10**9
"""A guest may ask for centuries; under a virtual clock that would leave the range of 64-bit times."""


class WasiGuest(Protocol):
    """The calling instance, as the replaced functions need it."""

    @property
    def scope(self) -> CallScope: ...

    @property
    def senses(self) -> Senses: ...

    def read(self, pointer: int, length: int) -> bytes | None: ...

    def write(self, pointer: int, data: bytes) -> bool: ...


def functions(world: World) -> tuple[HostFunction, ...]:
    """What takes the place of wasmtime's own functions."""
    replaced = [
        _function("fd_write", (I32, I32, I32, I32), (I32,), _fd_write),
        _function("poll_oneoff", (I32, I32, I32, I32), (I32,), _poll_oneoff),
        _function("proc_exit", (I32,), (), _proc_exit),
    ]
    if world.decides_time:
        replaced.append(_function("clock_time_get", (I32, I64, I32), (I32,), _clock_time_get))
    if world.decides_chance:
        replaced.append(_function("random_get", (I32, I32), (I32,), _random_get))
    return tuple(replaced)


def _function(name: str, params: Types, results: Types, body: HostBody) -> HostFunction:
    return HostFunction(module=WASI_MODULE, name=name, params=params, results=results, body=body)


def configuration() -> wasmtime.WasiConfig:
    """Nothing inherited: empty arguments and environment, no folders, standard input at its end."""
    return wasmtime.WasiConfig()


def _fd_write(guest: WasiGuest, descriptor: int, vectors: int, count: int, written_at: int) -> int:
    stream = _STREAMS.get(descriptor)
    if stream is None:
        return _BADF
    if count > _MAX_VECTORS:
        return _INVAL
    table = guest.read(vectors, 8 * count)
    if table is None:
        return _FAULT
    limit = guest.scope.limits.output_bytes
    chunks: list[bytes] = []
    total = 0
    for pointer, length in struct.iter_unpack("<II", table):
        # A vector may claim gigabytes and may be named a thousand times: copy no more than the limit lets through.
        chunk = guest.read(pointer, min(length, limit + 1 - total)) if total <= limit else b""
        if chunk is None:
            return _FAULT
        chunks.append(chunk)
        total += len(chunk)
    if stream is OutputStream.STDERR or guest.senses.keeps_stdout:
        guest.scope.write(stream, b"".join(chunks))
    return _OK if guest.write(written_at, struct.pack("<I", total)) else _FAULT


def _proc_exit(_guest: WasiGuest, code: int) -> int:
    raise HostStop(Outcome.EXIT, f"unexpected exit_code: {code}")


def _random_get(guest: WasiGuest, pointer: int, length: int) -> int:
    """Fill memory with what this instance draws, in pieces: the length is the guest's word."""
    if length and guest.read(pointer + length - 1, 1) is None:
        return _FAULT
    for begin in range(0, length, _DRAWN_BYTES):
        scope = guest.scope
        if scope.stop_outcome is not None:
            raise HostStop(scope.stop_outcome, scope.stop_text)
        guest.write(pointer + begin, guest.senses.random_bytes(min(_DRAWN_BYTES, length - begin)))
    return _OK


def _clock_time_get(guest: WasiGuest, clock_id: int, _precision: int, result_at: int) -> int:
    return _OK if guest.write(result_at, struct.pack("<Q", _time_ns(guest.senses, clock_id))) else _FAULT


def _poll_oneoff(guest: WasiGuest, subscriptions: int, events: int, count: int, written_at: int) -> int:
    """Wait for the first of the guest's clock subscriptions; descriptors are always ready."""
    if count == 0 or count > _MAX_SUBSCRIPTIONS:
        return _INVAL
    raw = guest.read(subscriptions, _SUBSCRIPTION_BYTES * count)
    if raw is None:
        return _FAULT
    scope, senses = guest.scope, guest.senses
    ready: list[bytes] = []
    timers: list[tuple[int, bytes]] = []
    for start in range(0, len(raw), _SUBSCRIPTION_BYTES):
        user_data, tag = struct.unpack_from("<QB", raw, start)
        event = struct.pack("<QHB5xQH6x", user_data, _OK, tag, 0, 0)
        if tag == _TAG_CLOCK:
            clock_id, timeout, _precision, flags = struct.unpack_from("<I4xQQH", raw, start + 16)
            timers.append((timeout - _time_ns(senses, clock_id) if flags & _ABSOLUTE else timeout, event))
        else:
            ready.append(event)
    if not ready:
        shortest = min(wait for wait, _ in timers)
        if senses.sleep(scope.stop, min(max(0, shortest), _LONGEST_SLEEP_NS) / 1e9):
            raise HostStop(scope.stop_outcome or Outcome.CANCELLED, scope.stop_text)
        ready = [event for wait, event in timers if wait <= shortest]
    written = guest.write(events, b"".join(ready)) and guest.write(written_at, struct.pack("<I", len(ready)))
    return _OK if written else _FAULT


def _time_ns(senses: Senses, clock_id: int) -> int:
    return (senses.wall_ns() if clock_id == _REALTIME else senses.monotonic_ns()) & _U64
