"""What the floors above need of wasmtime: linking, starting, calling, memory, stopping.

Two implementations stand behind it, and both run the same tests: `native.py` goes below wasmtime's public API and is
several times faster, `public.py` uses nothing but that API. `selftest.py` says which one a process can use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import wasmtime

ValueType = Literal["i32", "i64"]
Types = tuple[ValueType, ...]

MASKS: Final[dict[ValueType, int]] = {"i32": 0xFFFF_FFFF, "i64": 0xFFFF_FFFF_FFFF_FFFF}
"""What makes a number unsigned."""

MEMORY: Final = "memory"
"""The export that every guest keeps its bytes in."""


CallPathName = Literal["native", "public"]
"""The two ways into a guest."""


class LinearMemory(Protocol):
    """Checked, copying access to one instance's memory. Addresses are unsigned."""

    def size(self) -> int:
        """Bytes the memory has now."""
        ...

    def read(self, pointer: int, length: int) -> bytes | None:
        """A copy of the bytes, or None when any of them lies outside the memory."""
        ...

    def write(self, pointer: int, data: bytes) -> bool:
        """Copy `data` into the memory; false, and nothing written, when it does not fit there."""
        ...


class GuestHooks(Protocol):
    """What a live instance offers to the callbacks that wasmtime makes on its thread."""

    memory: LinearMemory | None
    """Filled in by the first host call of a start function, which runs before exports can be looked up."""
    pending: BaseException | None
    """The exception a host function ended with; read and cleared by the caller."""

    def stop_text(self) -> str | None:
        """Why the guest has to stop now, or None to let it go on. Any thread."""
        ...


HostBody = Callable[..., int | None]
"""Called with the calling instance's hooks and the arguments as unsigned numbers; may raise to stop the guest."""

Export = Callable[..., int]
"""A function export of one instance. Takes and gives unsigned numbers.

Raises what a host function raised, `wasmtime.Trap` or `wasmtime.WasmtimeError`. Its types were checked before.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFunction:
    """A function that the host offers to a module."""

    module: str
    name: str
    params: Types
    results: Types
    body: HostBody


class Guest(Protocol):
    """One store with at most one instance in it; used by one thread at a time."""

    @property
    def store(self) -> wasmtime.Store:
        """Set limits and WASI on it before `instantiate`."""
        ...

    def instantiate(self) -> None:
        """Make the instance; a start function runs here. Raises like an `Export`."""
        ...

    def memory(self) -> LinearMemory | None:
        """The memory that the instance exports, if it does."""
        ...

    def export(self, name: str, params: Types, results: Types) -> Export | None:
        """A function export, which must have these types; None when there is none."""
        ...

    def close(self) -> None:
        """Release the store; never while it runs. The guest and all that came from it are dead afterwards."""
        ...


class Link(Protocol):
    """A module with its imports resolved; safe from any thread."""

    def open(self, hooks: GuestHooks) -> Guest:
        """A fresh store for one instance, stopped by `CallPath.interrupt` when `hooks` give a reason."""
        ...


class EngineSource(Protocol):
    """The wasmtime engine that modules are compiled for, and more of its kind (`Runtime`)."""

    @property
    def engine(self) -> wasmtime.Engine:
        """The engine that compiled modules belong to."""
        ...

    def new_engine(self) -> wasmtime.Engine:
        """Another engine that runs the same compiled code."""
        ...


class CallPath(Protocol):
    """One way to link and run guests; safe from any thread."""

    @property
    def name(self) -> CallPathName: ...

    def link(self, source: EngineSource, module: wasmtime.Module, functions: Sequence[HostFunction]) -> Link:
        """Resolve the imports of `module`, which belongs to the engine of `source`, against WASI and `functions`.

        The functions replace those of WASI that have the same names.

        Raises `wasmtime.WasmtimeError` when an import is missing or of another type.
        """
        ...

    def interrupt(self, source: EngineSource) -> None:
        """Have every running guest of `source` ask its hooks whether to go on; cheap."""
        ...

    def live_stores(self) -> int:
        """How many guests are open now, over all engines; for leak checks."""
        ...


def func_type(params: Types, results: Types) -> wasmtime.FuncType:
    """A fresh function type; one object must never serve two engines."""
    return wasmtime.FuncType([_VAL_TYPES[name]() for name in params], [_VAL_TYPES[name]() for name in results])


def linker_with_wasi(engine: wasmtime.Engine) -> wasmtime.Linker:
    """A linker that offers WASI and lets other definitions replace parts of it."""
    linker = wasmtime.Linker(engine)
    linker.allow_shadowing = True
    linker.define_wasi()
    return linker


_VAL_TYPES: Final[dict[ValueType, Callable[[], wasmtime.ValType]]] = {
    "i32": wasmtime.ValType.i32,
    "i64": wasmtime.ValType.i64,
}
