"""Which call path this process can use: the fast one, unless anything about wasmtime's bindings looks different.

What could crash is looked at before it is used: the size of structures and the number of arguments first, then a tiny
module that does everything once. The verdict holds for the process; it takes about 3 ms.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from types import ModuleType
from typing import Any, Final

import wasmtime

from engine.wasm.fault_signals import claim_fault_signals
from engine.wasm.paths import CallPath, CallPathName, Export, Guest, HostFunction, LinearMemory, Types
from engine.wasm.public import PublicPath

_MAJOR: Final = 50
"""The wasmtime that `native.py` was written for; its bindings are generated anew for every version."""

_SIZES: Final = {
    "wasmtime_val_raw_t": 16,
    "wasmtime_func_t": 16,
    "wasmtime_memory_t": 24,
    "wasmtime_instance_t": 16,
    "wasmtime_extern_t": 32,
    "wasmtime_update_deadline_kind_t": 1,
}
"""Bytes of the structures that pass between us and wasmtime."""

_ARGUMENTS: Final = {
    "wasmtime_func_call_unchecked": 5,
    "wasmtime_linker_define_func_unchecked": 9,
    "wasmtime_store_epoch_deadline_callback": 4,
    "wasmtime_instance_pre_instantiate": 4,
    "wasmtime_instance_export_get": 5,
    "wasmtime_caller_export_get": 4,
    "wasmtime_caller_context": 1,
    "wasmtime_memory_data": 2,
    "wasmtime_memory_data_size": 2,
    "wasmtime_error_new": 1,
    "wasmtime_trap_new": 2,
}

_MODULE: Final = """(module
  (import "env" "mix" (func $mix (param i32 i64) (result i64)))
  (memory (export "memory") 1)
  (func (export "mix") (param i32 i64) (result i64) (call $mix (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "spin") (param $left i32) (result i32)
    (drop (call $mix (i32.const 0) (i64.const 0)))
    (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.const 1))
  (func (export "trap") (unreachable)))"""
_SPINS: Final = 50_000_000
"""Not for ever: a path that cannot stop its guest has to be found out, not waited for. Under 0.1 s."""
_PAGE: Final = 65_536
_HIGH_I32: Final = 0xFEDC_BA98
_HIGH_I64: Final = 0xFEDC_BA98_7654_3210


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPath:
    """A call path, and why it is not the fast one when nobody asked for the other."""

    path: CallPath
    fault: str | None = None


def choose(wanted: CallPathName | None = None) -> ChosenPath:
    """The path that is `wanted`, else the fast one if it passes its test in this process, else the public one.

    A wanted fast path is not tested, but has to exist at least. Any thread.
    """
    if wanted == "public":
        return ChosenPath(path=_public())
    return verdict(version("wasmtime"), wanted == "native")


@functools.cache
def _public() -> CallPath:
    return PublicPath()


@functools.cache
def verdict(installed: str, is_forced: bool) -> ChosenPath:
    """What holds in this process with wasmtime's version `installed`; looked into once, for it cannot change."""
    try:
        if not is_forced:
            _require(installed.split(".")[0] == str(_MAJOR), f"wasmtime {installed} is not wasmtime {_MAJOR}")
            check_bindings(importlib.import_module("wasmtime._bindings"))
        # Not at the top: with other bindings the import itself may fail.
        from engine.wasm.native import NativePath

        path = NativePath()
        if not is_forced:
            check_path(path)
    except Exception as error:  # whatever it is, the fast path is not what it was written to be
        return ChosenPath(path=_public(), fault=str(error) or type(error).__name__)
    return ChosenPath(path=path)


class Unexpected(Exception):
    """Something about the bindings is not as it was when the fast path was written."""


def check_bindings(bindings: ModuleType) -> None:
    """Hold the shape of wasmtime's bindings against what is expected; calls nothing. Raises `Unexpected`."""
    for name, size in _SIZES.items():
        found = ctypes.sizeof(_member(bindings, name))
        _require(found == size, f"{name} has {found} bytes instead of {size}")
    for name, count in _ARGUMENTS.items():
        types = _member(bindings, f"_{name}").argtypes
        _require(len(types or ()) == count, f"{name} takes {len(types or ())} arguments instead of {count}")


def check_path(path: CallPath) -> None:
    """Do everything once that the engine does with a guest; raises `Unexpected`, or whatever `path` raises."""
    claim_fault_signals()
    bench = _Bench()
    mix = HostFunction(module="env", name="mix", params=("i32", "i64"), results=("i64",), body=bench.mix)
    module = wasmtime.Module(bench.engine, _MODULE)
    guest = path.link(bench, module, [mix]).open(bench)
    try:
        guest.instantiate()
        memory = guest.memory()
        _require(memory is not None, "the memory is not found")
        assert memory is not None
        _check_memory(memory, _export(guest, "load", ("i32",), ("i32",)))
        _check_calls(bench, _export(guest, "mix", ("i32", "i64"), ("i64",)))
        _check_stop(bench, path, _export(guest, "spin", ("i32",), ("i32",)))
        trap = _raised(_export(guest, "trap", (), ()))
        is_trap = isinstance(trap, wasmtime.Trap) and trap.trap_code is wasmtime.TrapCode.UNREACHABLE
        _require(is_trap, f"a trap is reported as {trap!r}")
        _require(guest.export("missing", (), ()) is None, "an export is found that is not there")
    finally:
        guest.close()


class _Bench:
    """The instance's and the runtime's part in the test."""

    def __init__(self) -> None:
        self.engine = self.new_engine()
        self.memory: LinearMemory | None = None
        self.pending: BaseException | None = None
        self.reason: str | None = None
        self.stop: Callable[[], None] | None = None
        self.seen: list[tuple[int, int]] = []
        self.error: Exception | None = None

    def new_engine(self) -> wasmtime.Engine:
        config = wasmtime.Config()
        config.epoch_interruption = True
        # For a module of this size, good code costs more than it saves, and so does a second thread.
        config.cranelift_opt_level = "none"
        config.parallel_compilation = False
        return wasmtime.Engine(config)

    def stop_text(self) -> str | None:
        return self.reason

    def mix(self, hooks: object, small: int, large: int) -> int:
        _require(hooks is self, "a host call reaches another guest")
        self.seen.append((small, large))
        if self.stop is not None:
            self.stop()
        if self.error is not None:
            raise self.error
        return large ^ small


def _check_memory(memory: LinearMemory, load: Export) -> None:
    data = _HIGH_I32.to_bytes(4, "little")
    _require(memory.size() == _PAGE, f"a page of memory has {memory.size()} bytes")
    _require(memory.write(8, data), "memory cannot be written")
    _require(memory.read(8, 4) == data, "memory does not keep what was written")
    _require(memory.read(_PAGE - 3, 4) is None and not memory.write(_PAGE - 3, data), "memory has no bounds")
    _require(load(8) == _HIGH_I32, "a 32-bit number arrives as another one")


def _check_calls(bench: _Bench, mix: Export) -> None:
    _require(mix(_HIGH_I32, _HIGH_I64) == _HIGH_I32 ^ _HIGH_I64, "a 64-bit number arrives as another one")
    _require(bench.seen == [(_HIGH_I32, _HIGH_I64)], f"the arguments of a host call arrive as {bench.seen}")
    bench.error = LookupError("raised by the host")
    caught = _raised(lambda: mix(0, 0))
    _require(caught is bench.error, f"the exception of a host call arrives as {caught!r}")
    bench.error = None


def _check_stop(bench: _Bench, path: CallPath, spin: Export) -> None:
    def stop() -> None:
        bench.reason = "stopped by the test"
        path.interrupt(bench)

    path.interrupt(bench)
    _require(spin(1) == 1, "a guest is stopped that is to go on")
    # From within a host call: the guest is under way, and what it does next is to spin.
    bench.stop = stop
    caught = _raised(lambda: spin(_SPINS))
    _require(isinstance(caught, wasmtime.WasmtimeError | wasmtime.Trap), "a guest that is to stop goes on")
    bench.reason = bench.stop = None


def _export(guest: Guest, name: str, params: Types, results: Types) -> Export:
    export = guest.export(name, params, results)
    _require(export is not None, f"the export {name} is not found")
    assert export is not None
    return export


def _raised(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


def _member(bindings: ModuleType, name: str) -> Any:
    try:
        return getattr(bindings, name)
    except AttributeError:
        raise Unexpected(f"wasmtime's bindings have no {name}") from None


def _require(is_so: bool, text: str) -> None:
    if not is_so:
        raise Unexpected(text)
