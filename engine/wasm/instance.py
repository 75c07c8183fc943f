"""One live instance: a store with its limits, its lock, and the way in and out of the guest."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from typing import Final

import wasmtime

from engine.calls import Outcome, TrapReport, last_words
from engine.settings import Limits
from engine.wasm import abi, wasi
from engine.wasm.faults import GuestFault, HostStop
from engine.wasm.linking import LinkedModule
from engine.wasm.module import Signature
from engine.wasm.paths import Export, LinearMemory, Types, ValueType
from engine.wasm.scope import CallScope

_log = logging.getLogger(__name__)

_instance_ids = itertools.count(1)

_MAX_TABLES: Final = 8
_MAX_TABLE_ELEMENTS: Final = 1_000_000
_MAX_DEPTH: Final = 16
"""Guest to host to guest again; beyond this the native stack would be at risk."""
_KEPT_FRAMES: Final = 24
_GAVE_UP: Final = "unreachable"
"""How a runtime ends itself after it said why; other traps have no words of their own."""
_LAST_LINES: Final = 40
_OUT_OF_MEMORY_TEXTS: Final = ("out of memory", "memory allocation of")


class Instance:
    """A guest that serves one call at a time, on any thread, one after another.

    `start` first, then `invoke`; after a `GuestFault` it must be closed. `close` waits for a call under way.
    """

    def __init__(self, linked: LinkedModule, limits: Limits) -> None:
        self.instance_id = next(_instance_ids)
        self.linked = linked
        self.limits = limits
        self.memory: LinearMemory | None = None
        self.pending: BaseException | None = None
        self.start_ns = 0
        self.is_broken = False
        """The guest was stopped in the middle of something: it must not be called again."""
        self._scope: CallScope | None = None
        self._lock = threading.RLock()
        self._depth = 0
        self._is_closed = False
        self._exports: dict[str, Export] = {}
        self._is_instantiated = False
        self._guest = linked.link.open(self)
        self._guest.store.set_limits(
            memory_size=limits.memory_bytes,
            table_elements=_MAX_TABLE_ELEMENTS,
            instances=1,
            tables=_MAX_TABLES,
            memories=1,
        )
        self._guest.store.set_wasi(wasi.configuration())
        # Right after it: the guest's own monotonic clock began at zero with that configuration.
        self.senses = linked.world.senses()

    # --- what the floors above use

    def start(self, scope: CallScope) -> None:
        """Instantiate and run `_initialize`; raises `GuestFault`, after which only `close` is left."""
        begin = time.perf_counter_ns()
        with self._lock, _Entered(self, scope):
            # An interrupt from before the store was made did not reach its epoch: look before anything runs.
            if scope.stop_outcome is not None:
                raise GuestFault(scope.stop_outcome, scope.stop_text)
            try:
                self._guest.instantiate()
            except Exception as error:
                raise self._fault(error) from error
            self._is_instantiated = True
            self.memory = self._guest.memory()
            if self.memory is None:
                raise GuestFault(Outcome.LOAD_FAILED, "memory is not exported")
            if abi.INITIALIZE in self.linked.compiled.exports:
                self.call(abi.INITIALIZE)
        self.start_ns = time.perf_counter_ns() - begin

    def api_version(self, export: str, scope: CallScope) -> int:
        """What a capability's version export answers."""
        with self._lock, _Entered(self, scope):
            return self.call(export)

    def invoke(self, export: str, request: bytes, scope: CallScope) -> abi.Reply:
        """Call a capability method; raises `GuestFault`."""
        with self._lock, _Entered(self, scope):
            scope.started_ns = time.perf_counter_ns()
            try:
                return abi.invoke(self, export, request, response_limit=self.limits.response_bytes)
            finally:
                scope.inside_ns = time.perf_counter_ns() - scope.started_ns

    def close(self) -> None:
        """Release the store; idempotent. Waits while a call runs, so interrupt that first."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self.memory = None
                self._exports.clear()
                self._guest.close()

    # --- what abi, wasi and the call path use, on the guest's thread

    @property
    def scope(self) -> CallScope:
        """The call that the guest is working on."""
        assert self._scope is not None, "the guest runs only inside start and invoke"
        return self._scope

    def call(self, export: str, *args: int) -> int:
        """Call an export by name; raises `GuestFault`."""
        scope = self._scope
        if scope is not None and scope.stop_outcome is not None:
            raise GuestFault(scope.stop_outcome, scope.stop_text)
        if self._depth >= _MAX_DEPTH:
            raise GuestFault(Outcome.TRAP, f"guest and host call each other more than {_MAX_DEPTH} levels deep")
        self._depth += 1
        try:
            return (self._exports.get(export) or self._export(export))(*args)
        except Exception as error:
            self.is_broken = True
            raise self._fault(error) from error
        finally:
            self._depth -= 1

    def read(self, pointer: int, length: int) -> bytes | None:
        """A copy of guest memory; None when out of range."""
        return None if self.memory is None else self.memory.read(pointer, length)

    def write(self, pointer: int, data: bytes) -> bool:
        """Write into guest memory; false when out of range."""
        return self.memory is not None and self.memory.write(pointer, data)

    def memory_size(self) -> int:
        """Bytes of linear memory now."""
        return 0 if self.memory is None else self.memory.size()

    def stop_text(self) -> str | None:
        """For the epoch callback: why to stop now."""
        scope = self._scope
        return None if scope is None or scope.stop_outcome is None else scope.stop_text

    # --- inside

    def _export(self, name: str) -> Export:
        """An export on its first call."""
        if not self._is_instantiated:
            raise GuestFault(Outcome.TRAP, f"a start function ran into {name}, which is not there before its end")
        signature = self.linked.compiled.exports.get(name)
        export = None if signature is None else self._guest.export(name, *_raw_types(name, signature))
        if export is None:
            raise GuestFault(Outcome.LOAD_FAILED, f"{name} is not exported")
        self._exports[name] = export
        return export

    def _fault(self, error: Exception) -> GuestFault:
        """Say in one value why the guest stopped; the reason of an interrupt comes before the trap it caused."""
        scope = self._scope
        assert scope is not None
        if scope.stop_outcome is not None:
            return GuestFault(scope.stop_outcome, scope.stop_text)
        if isinstance(error, GuestFault):
            return error
        if isinstance(error, HostStop):
            return GuestFault(error.outcome, error.text)
        if not isinstance(error, (wasmtime.Trap, wasmtime.WasmtimeError)):
            _log.error("a host function failed", exc_info=error)
            return GuestFault(Outcome.TRAP, f"a host function failed inside the engine: {error}")
        scope.flush()
        report = _report(error, scope)
        if self._looks_out_of_memory(scope, report):
            limit = self.limits.memory_bytes
            return GuestFault(
                Outcome.MEMORY_LIMIT,
                f"the plugin ran out of memory: it had {self.memory_size()} bytes, the limit is {limit} bytes "
                "(inferred from its last words or its size)",
                report=report,
            )
        return GuestFault(Outcome.TRAP, report.panic or report.message, report=report)

    def _looks_out_of_memory(self, scope: CallScope, report: TrapReport) -> bool:
        """Nothing says so directly: a failed grow answers -1, and what a runtime makes of that is its own affair."""
        if report.code != _GAVE_UP:
            return False
        tail = " ".join(line.text for line in scope.logs[-_LAST_LINES:])
        is_full = self.memory_size() > self.limits.memory_bytes * 15 // 16
        return is_full or any(text in tail for text in _OUT_OF_MEMORY_TEXTS)


class _Entered:
    """The instance works on `scope` inside this block; output of unfinished lines is flushed after it."""

    def __init__(self, instance: Instance, scope: CallScope) -> None:
        self._instance = instance
        self._new = scope

    def __enter__(self) -> None:
        if self._instance._is_closed:
            raise GuestFault(Outcome.CANCELLED, "the instance is closed")
        self._previous, self._instance._scope = self._instance._scope, self._new

    def __exit__(self, *_exc: object) -> None:
        self._new.flush()
        self._instance._scope = self._previous


def _raw_types(name: str, signature: Signature) -> tuple[Types, Types]:
    narrowed: list[Types] = []
    for side in signature:
        types: list[ValueType] = []
        for kind in side:
            if kind not in ("i32", "i64"):
                raise GuestFault(Outcome.LOAD_FAILED, f"{name} has a parameter or result of type {kind}")
            types.append("i32" if kind == "i32" else "i64")
        narrowed.append(tuple(types))
    params, results = narrowed
    return params, results


def _report(error: Exception, scope: CallScope) -> TrapReport:
    frames: tuple[str, ...] = ()
    code: str | None = None
    if isinstance(error, (wasmtime.Trap, wasmtime.WasmtimeError)) and hasattr(error, "frames"):
        frames = tuple(_frame_name(frame) for frame in error.frames[:_KEPT_FRAMES])
    if isinstance(error, wasmtime.Trap) and error.trap_code is not None:
        code = error.trap_code.name.lower()
    message = error.message if isinstance(error, wasmtime.Trap) else str(error)
    panic = last_words(scope.logs) if code == _GAVE_UP else None
    return TrapReport(code=code, message=_cause(message), frames=frames, panic=panic)


def _frame_name(frame: wasmtime.Frame) -> str:
    return frame.func_name or f"function {frame.func_index}"


def _cause(message: str) -> str:
    """The innermost cause out of wasmtime's text, which begins with a backtrace."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if not lines:
        return "trap without a message"
    last = lines[-1]
    head, separator, rest = last.partition(": ")
    return rest if separator and head.isdigit() else last
