"""The one module that uses wasmtime's C bindings below the public Python API.

Two things need it: host functions that never let a Python exception cross the binding (its public
trampoline parks exceptions in one process-wide slot and loses some under threads), and an epoch callback
that decides per store whether to go on. It is also several times faster per call. Everything unchecked is
checked here or by `linking.py` before first use. Nothing outside `engine/wasm` imports this.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final, Literal, Protocol

import wasmtime
import wasmtime._bindings as _typed_bindings

_c: Any = _typed_bindings
"""The generated bindings, untyped on purpose: their stubs say `Any` for every pointer."""

ValueType = Literal["i32", "i64"]
_MASK: Final = {"i32": 0xFFFF_FFFF, "i64": 0xFFFF_FFFF_FFFF_FFFF}
_VAL_TYPES: Final = {"i32": wasmtime.ValType.i32, "i64": wasmtime.ValType.i64}

# Looking at linear memory must not release the interpreter lock: it takes a fifth of a microsecond.
_quick = ctypes.PyDLL(_c.dll._name)
_memory_data = _quick.wasmtime_memory_data
_memory_data.restype = ctypes.c_void_p
_memory_data.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_memory_data_size = _quick.wasmtime_memory_data_size
_memory_data_size.restype = ctypes.c_size_t
_memory_data_size.argtypes = [ctypes.c_void_p, ctypes.c_void_p]


class GuestHooks(Protocol):
    """What a live instance offers to the callbacks that wasmtime makes on its thread."""

    store: wasmtime.Store
    memory: LinearMemory | None
    """Filled in by the first host call of a start function, which runs before exports can be looked up."""
    pending: BaseException | None
    """The exception a host function ended with; read and cleared by the caller."""

    def stop_text(self) -> str | None:
        """Why the guest has to stop now, or None to let it go on."""
        ...


HostBody = Callable[..., int | None]
"""Called with the calling instance's hooks and the arguments as unsigned numbers; may raise to stop the guest."""

_hooks_by_context: dict[int, GuestHooks] = {}
"""Live stores by the address of their context. Single dict operations are atomic under the interpreter lock."""


def context_address(store: wasmtime.Store) -> int:
    """The address that identifies `store` in callbacks; invalid after it is closed."""
    address = ctypes.cast(store._context(), ctypes.c_void_p).value
    assert address is not None
    return address


def attach(store: wasmtime.Store, hooks: GuestHooks) -> int:
    """Register `hooks` for the callbacks of `store` and give the store its epoch callback; returns the key."""
    address = context_address(store)
    _hooks_by_context[address] = hooks
    store.set_epoch_deadline(1)
    _c.wasmtime_store_epoch_deadline_callback(store.ptr(), _on_epoch, address, _NO_FINALIZER)
    return address


def detach(address: int) -> None:
    """Forget a store; call it before closing."""
    _hooks_by_context.pop(address, None)


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
        hooks = _hooks_by_context.get(key or 0)
        text = None if hooks is None else hooks.stop_text()
        if text is None:
            delta[0] = 1
            kind[0] = 0
            return 0
    except BaseException as error:  # a callback that raises would count as "go on"
        text = f"epoch callback failed: {error}"
    return _address(_c.wasmtime_error_new(text.encode()))


_NO_FINALIZER = ctypes.cast(0, ctypes.CFUNCTYPE(None, ctypes.c_void_p))


def func_type(params: tuple[ValueType, ...], results: tuple[ValueType, ...]) -> wasmtime.FuncType:
    """A fresh function type; one object must never serve two engines."""
    return wasmtime.FuncType([_VAL_TYPES[name]() for name in params], [_VAL_TYPES[name]() for name in results])


def define(
    linker: wasmtime.Linker,
    module: str,
    name: str,
    params: tuple[ValueType, ...],
    results: tuple[ValueType, ...],
    body: HostBody,
) -> object:
    """Define a host function; keep the returned object as long as the linker and all its instances live."""
    readers = tuple((kind, _MASK[kind]) for kind in params)
    result_kind = results[0] if results else None

    @_c.wasmtime_func_unchecked_callback_t  # type: ignore[untyped-decorator]
    def entry(_env: Any, caller: Any, slots: Any, _count: int) -> int:
        hooks: GuestHooks | None = None
        try:
            address = ctypes.cast(_c.wasmtime_caller_context(caller), ctypes.c_void_p).value
            hooks = _hooks_by_context[address or 0]
            if hooks.memory is None:
                hooks.memory = _memory_of_caller(caller, hooks.store)
            values = [getattr(slots[index], kind) & mask for index, (kind, mask) in enumerate(readers)]
            result = body(hooks, *values)
            if result_kind is not None:
                setattr(slots[0], result_kind, result or 0)
            return 0
        except BaseException as error:  # nothing may cross: an escaping exception would count as success
            if hooks is not None:
                hooks.pending = error
            text = str(error).encode(errors="replace")
            return _address(_c.wasmtime_trap_new(text, len(text)))

    ty = func_type(params, results)
    module_name, function_name = module.encode(), name.encode()
    error = _c.wasmtime_linker_define_func_unchecked(
        linker.ptr(),
        module_name,
        len(module_name),
        function_name,
        len(function_name),
        ty.ptr(),
        entry,
        None,
        _NO_FINALIZER,
    )
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)
    return (entry, ty)


class Export:
    """A function export of one instance, called without run-time type checks; `linking.py` checked its type."""

    __slots__ = ("_func", "_hooks", "_params", "_result", "_store")

    def __init__(
        self,
        store: wasmtime.Store,
        hooks: GuestHooks,
        func: wasmtime.Func,
        params: tuple[ValueType, ...],
        results: tuple[ValueType, ...],
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._func = func._func
        self._params = params
        self._result = results[0] if results else None

    def __call__(self, *args: int) -> int:
        """Call it; the result is unsigned. Raises what a host function raised, `wasmtime.Trap` or `WasmtimeError`."""
        count = max(len(self._params), 1)
        # One array per call, not per instance: a host function may call back into the guest.
        slots = (_c.wasmtime_val_raw_t * count)()
        for index, (kind, value) in enumerate(zip(self._params, args, strict=True)):
            setattr(slots[index], kind, value)
        trap = ctypes.POINTER(_c.wasm_trap_t)()
        hooks = self._hooks
        hooks.pending = None
        error = _c.wasmtime_func_call_unchecked(
            self._store._context(), ctypes.byref(self._func), slots, count, ctypes.byref(trap)
        )
        if error or trap:
            raise_failure(hooks, error, trap)
        if self._result is None:
            return 0
        value = getattr(slots[0], self._result)
        assert isinstance(value, int)
        return value & _MASK[self._result]


def raise_failure(hooks: GuestHooks, error: Any, trap: Any) -> None:
    """Turn the pointers of a failed call into an exception; the host function's own exception wins."""
    foreign = wasmtime.WasmtimeError._from_ptr(error) if error else wasmtime.Trap._from_ptr(trap)
    pending, hooks.pending = hooks.pending, None
    if pending is not None:
        raise pending from foreign
    raise foreign


def instantiate(pre: wasmtime.InstancePre, store: wasmtime.Store, hooks: GuestHooks) -> wasmtime.Instance:
    """Instantiate a linked module; a start function runs here. Raises like `Export.__call__`."""
    raw = _c.wasmtime_instance_t()
    trap = ctypes.POINTER(_c.wasm_trap_t)()
    hooks.pending = None
    error = _c.wasmtime_instance_pre_instantiate(pre.ptr(), store._context(), ctypes.byref(raw), ctypes.byref(trap))
    if error or trap:
        raise_failure(hooks, error, trap)
    return wasmtime.Instance._from_raw(raw)


def find_export(
    store: wasmtime.Store, instance: wasmtime.Instance, name: str
) -> wasmtime.Func | wasmtime.Memory | None:
    """One export by name; the public mapping reads all of them, in quadratic time."""
    item = _c.wasmtime_extern_t()
    encoded = name.encode()
    found = _c.wasmtime_instance_export_get(
        store._context(), ctypes.byref(instance._instance), encoded, len(encoded), ctypes.byref(item)
    )
    if not found:
        return None
    wrapped = wasmtime._extern.wrap_extern(item)
    return wrapped if isinstance(wrapped, (wasmtime.Func, wasmtime.Memory)) else None


class LinearMemory:
    """Checked, copying access to one instance's memory. Addresses are unsigned."""

    __slots__ = ("_memory", "_store")

    def __init__(self, store: wasmtime.Store, memory: wasmtime.Memory) -> None:
        self._store = store
        self._memory = memory._memory

    def size(self) -> int:
        """Bytes the memory has now."""
        return int(_memory_data_size(self._store._context(), ctypes.byref(self._memory)))

    def read(self, pointer: int, length: int) -> bytes | None:
        """A copy of the bytes, or None when any of them lies outside the memory."""
        context, memory = self._store._context(), ctypes.byref(self._memory)
        if pointer + length > _memory_data_size(context, memory):
            return None
        return ctypes.string_at(_memory_data(context, memory) + pointer, length) if length else b""

    def write(self, pointer: int, data: bytes) -> bool:
        """Copy `data` into the memory; false, and nothing written, when it does not fit there."""
        context, memory = self._store._context(), ctypes.byref(self._memory)
        if pointer + len(data) > _memory_data_size(context, memory):
            return False
        if data:
            ctypes.memmove(_memory_data(context, memory) + pointer, data, len(data))
        return True


def _memory_of_caller(caller: Any, store: wasmtime.Store) -> LinearMemory | None:
    item = _c.wasmtime_extern_t()
    if not _c.wasmtime_caller_export_get(caller, b"memory", len(b"memory"), ctypes.byref(item)):
        return None
    wrapped = wasmtime._extern.wrap_extern(item)
    return LinearMemory(store, wrapped) if isinstance(wrapped, wasmtime.Memory) else None


def _address(pointer: Any) -> int:
    """The address behind a ctypes pointer whose ownership goes to the C side."""
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def live_stores() -> int:
    """How many stores are attached now; for leak checks."""
    return len(_hooks_by_context)
