"""The fast path, and the one module that uses wasmtime's C bindings below the public Python API.

Three things are better here. Host functions never let a Python exception cross the binding (its public trampoline
parks exceptions in one process-wide slot and loses some under threads). An epoch callback decides per store whether
to go on, so one call is stopped while others run. And a call costs a fraction: argument slots, addresses and ctypes
objects are made once, and looking at memory does not release the interpreter lock.

Nothing is checked at run time. `linking.py` checks the types of a module before its first use, `selftest.py` that the
bindings are those that this module was written for. Only `selftest.py` imports it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Final

import wasmtime
import wasmtime._bindings as _typed_bindings

from engine.wasm.paths import (
    MASKS,
    MEMORY,
    CallPathName,
    EngineSource,
    Export,
    GuestHooks,
    HostFunction,
    Types,
    func_type,
    linker_with_wasi,
)

_c: Any = _typed_bindings
"""The generated bindings, untyped on purpose: their stubs say `Any` for every pointer."""

_U32: Final = 0xFFFF_FFFF
_SLOTS: Final = 8
"""Arguments and results travel in slots of two words, of which numbers use the first."""
_NO_FINALIZER = ctypes.cast(0, ctypes.CFUNCTYPE(None, ctypes.c_void_p))

# Function objects of our own, because the argument types given to them must not change those of the public API.
# Guest code runs through `_open`, which releases the interpreter lock: a guest that loops must not hold it.
_open = ctypes.CDLL(_c.dll._name)
_call_unchecked = _open.wasmtime_func_call_unchecked
_call_unchecked.restype = ctypes.c_void_p

# Looking at memory or at a caller must not release the lock: that takes longer than the look.
_quick = ctypes.PyDLL(_c.dll._name)
_memory_data = _quick.wasmtime_memory_data
_memory_data.restype = ctypes.c_void_p
_memory_size = _quick.wasmtime_memory_data_size
_memory_size.restype = ctypes.c_size_t
_caller_context = _quick.wasmtime_caller_context
_caller_context.restype = ctypes.c_void_p
_caller_context.argtypes = [ctypes.c_void_p]

_ENTRY = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64), ctypes.c_size_t
)
"""A host function as wasmtime calls it: environment, caller, slots of arguments and result, their number."""
_linker_define = _open.wasmtime_linker_define_func_unchecked
_linker_define.restype = ctypes.c_void_p
_linker_define.argtypes = [
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_size_t,
    ctypes.c_char_p,
    ctypes.c_size_t,
    ctypes.c_void_p,
    _ENTRY,
    ctypes.c_void_p,
    ctypes.c_void_p,
]

_guests: dict[int, NativeGuest] = {}
"""Open stores by the address of their context. Single dict operations are atomic under the interpreter lock."""


class NativePath:
    """The call path of this module."""

    name: CallPathName = "native"

    def link(self, source: EngineSource, module: wasmtime.Module, functions: Sequence[HostFunction]) -> NativeLink:
        """One linker for all instances."""
        return NativeLink(source.engine, module, functions)

    def interrupt(self, source: EngineSource) -> None:
        """Every store whose epoch moved asks its own hooks, on its own thread."""
        source.engine.increment_epoch()

    def live_stores(self) -> int:
        return len(_guests)


class NativeLink:
    """A linked module, from which instances are made."""

    def __init__(self, engine: wasmtime.Engine, module: wasmtime.Module, functions: Sequence[HostFunction]) -> None:
        self.engine = engine
        linker = linker_with_wasi(engine)
        # Callbacks and types have to outlive every instance; wasmtime holds only their addresses.
        self._kept: list[object] = [linker, *(_define(linker, function) for function in functions)]
        self.pre = linker.instantiate_pre(module)

    def open(self, hooks: GuestHooks) -> NativeGuest:
        return NativeGuest(self, hooks)


class NativeGuest:
    """One store; see `paths.Guest`."""

    __slots__ = ("_context", "_instance", "_link", "_memories", "_trap", "depth", "frames", "hooks", "store")

    def __init__(self, link: NativeLink, hooks: GuestHooks) -> None:
        self._link = link
        self.hooks = hooks
        self.depth = 0
        self.store = wasmtime.Store(link.engine)
        self._context = ctypes.c_void_p(_address(self.store._context()))
        self.frames = [_Frame()]
        self._memories: list[NativeMemory] = []
        self._trap = (ctypes.c_void_p * 1)()
        self._instance: Any = None
        assert self._context.value is not None
        _guests[self._context.value] = self
        self.store.set_epoch_deadline(1)
        _c.wasmtime_store_epoch_deadline_callback(self.store.ptr(), _on_epoch, self._context, _NO_FINALIZER)

    def instantiate(self) -> None:
        raw = _c.wasmtime_instance_t()
        trap = ctypes.POINTER(_c.wasm_trap_t)()
        self.hooks.pending = None
        error = _c.wasmtime_instance_pre_instantiate(
            self._link.pre.ptr(), self.store._context(), ctypes.byref(raw), ctypes.byref(trap)
        )
        if error or trap:
            _raise_failure(self.hooks, error, trap)
        self._instance = raw

    def memory(self) -> NativeMemory | None:
        return self.memory_of(self._item(MEMORY))

    def memory_of(self, item: object) -> NativeMemory | None:
        """The memory that an export is, or None when it is something else."""
        if not isinstance(item, wasmtime.Memory):
            return None
        memory = NativeMemory(self._context, item)
        self._memories.append(memory)
        return memory

    def export(self, name: str, params: Types, results: Types) -> Export | None:
        item = self._item(name)
        if not isinstance(item, wasmtime.Func):
            return None
        return _caller_of(self, self._context, item._func, self._trap, results)

    def frame(self) -> _Frame:
        """The slots for the current depth of guest and host calling each other; outer ones are still in use."""
        while len(self.frames) <= self.depth:
            self.frames.append(_Frame())
        return self.frames[self.depth]

    def close(self) -> None:
        _guests.pop(self._context.value or 0, None)
        for memory in self._memories:
            memory.forget()
        self._instance = None
        self.store.close()
        # The instance holds this guest: without the cycle both go at once, not when the collector comes by.
        del self.hooks

    def _item(self, name: str) -> object | None:
        """One export by name; the public mapping reads all of them, in quadratic time."""
        item = _c.wasmtime_extern_t()
        encoded = name.encode()
        found = _c.wasmtime_instance_export_get(
            self.store._context(), ctypes.byref(self._instance), encoded, len(encoded), ctypes.byref(item)
        )
        return wasmtime._extern.wrap_extern(item) if found else None


class _Frame:
    """Slots for the arguments and the result of one call."""

    __slots__ = ("at", "slots")

    def __init__(self) -> None:
        self.slots = (ctypes.c_uint64 * (2 * _SLOTS))()
        self.at = ctypes.c_void_p(ctypes.addressof(self.slots))


def _caller_of(guest: NativeGuest, context: ctypes.c_void_p, func: Any, trap: Any, results: Types) -> Export:
    """A function that calls an export. What it needs is bound once: this is the hottest code of the engine."""
    at = ctypes.c_void_p(ctypes.addressof(func))
    trap_at = ctypes.c_void_p(ctypes.addressof(trap))
    count = ctypes.c_size_t(_SLOTS)
    mask = MASKS[results[0]] if results else 0
    hooks, store = guest.hooks, guest.store
    # The default argument keeps the structure alive whose address is used.
    call_unchecked, first_frame = _call_unchecked, guest.frames[0]

    def call(*args: int, _func: Any = func) -> int:
        frame = guest.frame() if guest.depth else first_frame
        slots = frame.slots
        place = 0
        for value in args:
            slots[place] = value
            place += 2
        hooks.pending = None
        store._context()  # raises on a closed store, whose address must not be used
        guest.depth += 1
        try:
            error = call_unchecked(context, at, frame.at, count, trap_at)
        finally:
            guest.depth -= 1
        if error or trap[0]:
            pointer, trap[0] = trap[0], None
            _raise_failure(hooks, *_owned(error, pointer))
        return slots[0] & mask

    return call


class NativeMemory:
    """See `paths.LinearMemory`. Size and address are asked for each time: a guest call may move both."""

    __slots__ = ("_at", "_context", "_memory")

    def __init__(self, context: ctypes.c_void_p, memory: wasmtime.Memory) -> None:
        self._context = context
        self._memory = memory._memory
        self._at = ctypes.c_void_p(ctypes.addressof(self._memory))

    def size(self) -> int:
        return int(_memory_size(self._context, self._at))

    def read(self, pointer: int, length: int) -> bytes | None:
        if pointer + length > _memory_size(self._context, self._at):
            return None
        return ctypes.string_at(_memory_data(self._context, self._at) + pointer, length) if length else b""

    def write(self, pointer: int, data: bytes) -> bool:
        length = len(data)
        if pointer + length > _memory_size(self._context, self._at):
            return False
        if length:
            ctypes.memmove(_memory_data(self._context, self._at) + pointer, data, length)
        return True

    def forget(self) -> None:
        """The store is going: from now on every use is an `AttributeError`, not an access to freed memory."""
        del self._context


@ctypes.CFUNCTYPE(  # type: ignore[untyped-decorator]
    ctypes.c_size_t,
    ctypes.POINTER(_c.wasmtime_context_t),
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(_c.wasmtime_update_deadline_kind_t),
)
def _on_epoch(_context: Any, key: int | None, delta: Any, kind: Any) -> int:
    """Runs on the guest's thread when the epoch moved: go on until the next move, or stop with a reason."""
    try:
        guest = _guests.get(key or 0)
        text = None if guest is None else guest.hooks.stop_text()
        if text is None:
            delta[0] = 1
            kind[0] = 0
            return 0
    except BaseException as error:  # a callback that raises would count as "go on"
        text = f"epoch callback failed: {error}"
    return _address(_c.wasmtime_error_new(text.encode()))


def _define(linker: wasmtime.Linker, function: HostFunction) -> object:
    """Define a host function; keep the returned object as long as the linker and all its instances live."""
    entry = _ENTRY(_entry_of(function))
    ty = func_type(function.params, function.results)
    module, name = function.module.encode(), function.name.encode()
    error = _linker_define(
        _address(linker.ptr()), module, len(module), name, len(name), _address(ty.ptr()), entry, None, None
    )
    if error:
        raise wasmtime.WasmtimeError._from_ptr(ctypes.cast(error, ctypes.POINTER(_c.wasmtime_error_t)))
    return (entry, ty)


def _entry_of(function: HostFunction) -> Callable[..., int]:
    """What wasmtime calls for a host function: no exception leaves it."""
    body = function.body
    places = tuple((2 * index, MASKS[kind]) for index, kind in enumerate(function.params))
    # All host services have this type: for them the arguments are read without a loop.
    is_service = function.params == ("i32", "i32")
    has_result = bool(function.results)

    def entry(_env: int | None, caller: int, slots: Any, _count: int) -> int:
        guest: NativeGuest | None = None
        try:
            guest = _guests[_caller_context(caller)]
            hooks = guest.hooks
            if hooks.memory is None:
                hooks.memory = _memory_of_caller(caller, guest)
            if is_service:
                result = body(hooks, slots[0] & _U32, slots[2] & _U32)
            else:
                result = body(hooks, *[slots[place] & mask for place, mask in places])
            if has_result:
                slots[0] = result or 0
            return 0
        except BaseException as error:  # nothing may cross: an escaping exception would count as success
            if guest is not None:
                guest.hooks.pending = error
            text = str(error).encode(errors="replace")
            return _address(_c.wasmtime_trap_new(text, len(text)))

    return entry


def _memory_of_caller(caller: int, guest: NativeGuest) -> NativeMemory | None:
    item = _c.wasmtime_extern_t()
    name = MEMORY.encode()
    pointer = ctypes.cast(caller, ctypes.POINTER(_c.wasmtime_caller_t))
    if not _c.wasmtime_caller_export_get(pointer, name, len(name), ctypes.byref(item)):
        return None
    return guest.memory_of(wasmtime._extern.wrap_extern(item))


def _owned(error: int | None, trap: int | None) -> tuple[Any, Any]:
    """The addresses of an error and a trap that are ours to free now, as the bindings want them."""
    return (
        ctypes.cast(error or 0, ctypes.POINTER(_c.wasmtime_error_t)),
        ctypes.cast(trap or 0, ctypes.POINTER(_c.wasm_trap_t)),
    )


def _raise_failure(hooks: GuestHooks, error: Any, trap: Any) -> None:
    """Turn the pointers of a failed call into an exception; the host function's own exception wins."""
    foreign = wasmtime.WasmtimeError._from_ptr(error) if error else wasmtime.Trap._from_ptr(trap)
    pending, hooks.pending = hooks.pending, None
    if pending is not None:
        raise pending from foreign
    raise foreign


def _address(pointer: Any) -> int:
    """The address behind a ctypes pointer."""
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0
