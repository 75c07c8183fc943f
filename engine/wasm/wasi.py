"""The WASI functions that the sandbox replaces, and the configuration of the rest.

wasmtime's own preview1 stays linked beneath: no arguments, environment, folders or sockets. Replaced are fd_write
(output goes to the call's scope, in order with host calls), poll_oneoff (sleeps that a cancel ends), clock_time_get
(the same clock that sleeps are measured by) and proc_exit (every exit code, not only the small ones). Layouts and error
numbers are those of the wasi_snapshot_preview1 witx.
"""

from __future__ import annotations

import struct
from typing import Final, Protocol

import wasmtime

from engine.calls import Outcome, OutputStream
from engine.clock import Clock
from engine.wasm import native
from engine.wasm.abi import I32, I64, WASI_MODULE
from engine.wasm.faults import HostStop
from engine.wasm.scope import CallScope

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
_LONGEST_SLEEP_NS: Final = 365 * 24 * 3600 * 10**9
"""A guest may ask for centuries; under a virtual clock that would leave the range of 64-bit times."""


class WasiGuest(Protocol):
    """The calling instance, as the replaced functions need it."""

    @property
    def scope(self) -> CallScope: ...

    def read(self, pointer: int, length: int) -> bytes | None: ...

    def write(self, pointer: int, data: bytes) -> bool: ...


def link(linker: wasmtime.Linker, clock: Clock) -> list[object]:
    """Offer WASI on `linker`; keep the returned objects as long as it lives."""
    linker.allow_shadowing = True
    linker.define_wasi()
    times = _Times(clock)
    return [
        native.define(linker, WASI_MODULE, "fd_write", (I32, I32, I32, I32), (I32,), _fd_write),
        native.define(linker, WASI_MODULE, "poll_oneoff", (I32, I32, I32, I32), (I32,), times.poll_oneoff),
        native.define(linker, WASI_MODULE, "clock_time_get", (I32, I64, I32), (I32,), times.clock_time_get),
        native.define(linker, WASI_MODULE, "proc_exit", (I32,), (), _proc_exit),
    ]


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
    guest.scope.write(stream, b"".join(chunks))
    return _OK if guest.write(written_at, struct.pack("<I", total)) else _FAULT


def _proc_exit(_guest: WasiGuest, code: int) -> int:
    raise HostStop(Outcome.EXIT, f"unexpected exit_code: {code}")


class _Times:
    """poll_oneoff and clock_time_get over the engine's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def clock_time_get(self, guest: WasiGuest, clock_id: int, _precision: int, result_at: int) -> int:
        return _OK if guest.write(result_at, struct.pack("<Q", self._time_ns(clock_id))) else _FAULT

    def poll_oneoff(self, guest: WasiGuest, subscriptions: int, events: int, count: int, written_at: int) -> int:
        """Wait for the first of the guest's clock subscriptions; descriptors are always ready."""
        if count == 0 or count > _MAX_SUBSCRIPTIONS:
            return _INVAL
        raw = guest.read(subscriptions, _SUBSCRIPTION_BYTES * count)
        if raw is None:
            return _FAULT
        ready: list[bytes] = []
        timers: list[tuple[int, bytes]] = []
        for start in range(0, len(raw), _SUBSCRIPTION_BYTES):
            user_data, tag = struct.unpack_from("<QB", raw, start)
            event = struct.pack("<QHB5xQH6x", user_data, _OK, tag, 0, 0)
            if tag == _TAG_CLOCK:
                clock_id, timeout, _precision, flags = struct.unpack_from("<I4xQQH", raw, start + 16)
                timers.append((timeout - self._time_ns(clock_id) if flags & _ABSOLUTE else timeout, event))
            else:
                ready.append(event)
        if not ready:
            shortest = min(wait for wait, _ in timers)
            if self._clock.wait(guest.scope.stop, min(max(0, shortest), _LONGEST_SLEEP_NS) / 1e9):
                raise HostStop(guest.scope.stop_outcome or Outcome.CANCELLED, guest.scope.stop_text)
            ready = [event for wait, event in timers if wait <= shortest]
        written = guest.write(events, b"".join(ready)) and guest.write(written_at, struct.pack("<I", len(ready)))
        return _OK if written else _FAULT

    def _time_ns(self, clock_id: int) -> int:
        return (self._clock.now_ns() if clock_id == _REALTIME else self._clock.monotonic_ns()) & _U64
