"""The call path on wasmtime's public API alone: several times slower, and of the same behaviour.

The public API knows neither an epoch callback nor a trap from a host function that is not a Python exception, and it
parks such exceptions in one slot for the whole process. So each guest has a wasmtime engine, and with it an epoch, of
its own, all over one mapping of the compiled code. Moving that epoch stops this guest and no other, without a ticker.
A host function that fails keeps its exception with its guest, moves the epoch and answers 0: the guest ends at its next
check, and until then every further host call answers 0 as well.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import wasmtime

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

_T = TypeVar("_T")

_MAX_EXPORTS: Final = 2_000
"""The public API finds an export only by reading all, in quadratic time: 0.1 s for these."""


class PublicPath:
    """The call path of this module."""

    name: CallPathName = "public"

    def __init__(self) -> None:
        self._guests: set[PublicGuest] = set()

    def link(self, source: EngineSource, module: wasmtime.Module, functions: Sequence[HostFunction]) -> PublicLink:
        """Linked once here for wasmtime's refusals, and once again for every guest."""
        if len(module.exports) > _MAX_EXPORTS:
            raise wasmtime.WasmtimeError(
                f"the module has more than {_MAX_EXPORTS} exports, the limit of this call path"
            )
        with linker_with_wasi(source.engine) as linker:
            for function in functions:
                ty = func_type(function.params, function.results)
                linker.define_func(function.module, function.name, ty, _never_called)
            linker.instantiate_pre(module).close()
        return PublicLink(self._guests, source, module, functions)

    def interrupt(self, source: EngineSource) -> None:
        """The hooks of every guest are asked here; those with a reason to stop have their epoch moved."""
        for guest in tuple(self._guests):
            if guest.source is source:
                guest.stop_if_due()

    def live_stores(self) -> int:
        return len(self._guests)


class PublicLink:
    """A module whose imports were found complete, ready to be linked again for each guest."""

    def __init__(
        self,
        guests: set[PublicGuest],
        source: EngineSource,
        module: wasmtime.Module,
        functions: Sequence[HostFunction],
    ) -> None:
        self.source = source
        self.functions = tuple(functions)
        self._guests = guests
        # A file, because wasmtime maps files: the code is in memory once, however many engines run it.
        folder = tempfile.mkdtemp(prefix="workbench-code-")
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._artifact = Path(folder, "module")
        self._module = module
        try:
            self._artifact.write_bytes(module.serialize())
        except OSError:
            self._remove()

    def module_for(self, engine: wasmtime.Engine) -> wasmtime.Module:
        """The same compiled code for another engine."""
        try:
            return wasmtime.Module.deserialize_file(engine, str(self._artifact))
        except wasmtime.WasmtimeError:
            # There was no room for the file, or somebody tidied up: then every guest has a copy of the code.
            return wasmtime.Module.deserialize(engine, self._module.serialize())

    def open(self, hooks: GuestHooks) -> PublicGuest:
        guest = PublicGuest(self, hooks, forget=self._guests.discard)
        self._guests.add(guest)
        return guest


class PublicGuest:
    """One store with an engine of its own; see `paths.Guest`."""

    def __init__(self, link: PublicLink, hooks: GuestHooks, *, forget: Callable[[PublicGuest], None]) -> None:
        self.source = link.source
        self._hooks = hooks
        self._forget = forget
        self._depth = 0
        self._is_open = True
        self._lock = threading.Lock()
        """Held while the epoch moves or is measured from, so that a stop hits the call that it is meant for."""
        self._instance: wasmtime.Instance | None = None
        self._engine = link.source.new_engine()
        self._module = link.module_for(self._engine)
        self._linker = linker_with_wasi(self._engine)
        for function in link.functions:
            ty = func_type(function.params, function.results)
            entry = self._entry_of(function)
            self._linker.define_func(function.module, function.name, ty, entry, access_caller=True)
        self.store = wasmtime.Store(self._engine)

    def instantiate(self) -> None:
        self._instance = self._guarded(lambda: self._linker.instantiate(self.store, self._module))

    def memory(self) -> PublicMemory | None:
        found = self._item(MEMORY)
        return PublicMemory(self.store, found) if isinstance(found, wasmtime.Memory) else None

    def export(self, name: str, params: Types, results: Types) -> Export | None:
        func = self._item(name)
        if not isinstance(func, wasmtime.Func):
            return None
        mask = MASKS[results[0]] if results else 0

        def call(*args: int) -> int:
            value = self._guarded(lambda: func(self.store, *args))
            return int(value or 0) & mask

        return call

    def stop_if_due(self) -> None:
        """Move this guest's epoch when its hooks give a reason to stop; any thread."""
        with self._lock:
            if self._is_open and self._hooks.stop_text() is not None:
                self._engine.increment_epoch()

    def close(self) -> None:
        with self._lock:
            self._is_open = False
        self._forget(self)
        self._instance = None
        for part in (self.store, self._linker, self._module, self._engine):
            part.close()
        # The instance holds this guest: without the cycle both go at once, not when the collector comes by.
        del self._hooks

    def _guarded(self, work: Callable[[], _T]) -> _T:
        """Run something that runs the guest; what a host function raised wins over what the guest made of it."""
        self._hooks.pending = None
        if self._depth == 0:
            self._arm()
        self._depth += 1
        try:
            result = work()
        except (wasmtime.Trap, wasmtime.WasmtimeError) as foreign:
            self._raise_pending(foreign)
            raise
        finally:
            self._depth -= 1
        self._raise_pending(None)
        return result

    def _arm(self) -> None:
        """End the guest at the next move of its epoch from now on, and at once when the reason is there already."""
        with self._lock:
            self.store.set_epoch_deadline(1)
            text = self._hooks.stop_text()
        if text is not None:
            raise wasmtime.WasmtimeError(text)

    def _raise_pending(self, cause: BaseException | None) -> None:
        pending, self._hooks.pending = self._hooks.pending, None
        if pending is not None:
            raise pending from cause

    def _item(self, name: str) -> object | None:
        assert self._instance is not None, "exports are there once the instance is"
        return self._instance.exports(self.store).get(name)

    def _entry_of(self, function: HostFunction) -> Callable[..., int | None]:
        """What wasmtime's trampoline calls for a host function: no exception leaves it."""
        masks = tuple(MASKS[kind] for kind in function.params)
        nothing = 0 if function.results else None
        hooks = self._hooks

        def entry(caller: wasmtime.Caller, *args: int) -> int | None:
            if hooks.pending is not None:
                return nothing
            try:
                if hooks.memory is None:
                    hooks.memory = _memory_of_caller(caller, self.store)
                result = function.body(hooks, *[value & mask for value, mask in zip(args, masks, strict=True)])
            except BaseException as error:  # nothing may cross: it could surface in another guest's call
                hooks.pending = error
                self._engine.increment_epoch()
                return nothing
            return nothing if nothing is None else result or 0

        return entry


class PublicMemory:
    """See `paths.LinearMemory`. The bounds are ours: the public methods clamp, and count from the end."""

    def __init__(self, store: wasmtime.Store, memory: wasmtime.Memory) -> None:
        self._store = store
        self._memory = memory

    def size(self) -> int:
        return self._memory.data_len(self._store)

    def read(self, pointer: int, length: int) -> bytes | None:
        if pointer + length > self.size():
            return None
        return bytes(self._memory.read(self._store, pointer, pointer + length))

    def write(self, pointer: int, data: bytes) -> bool:
        if pointer + len(data) > self.size():
            return False
        if data:
            self._memory.write(self._store, data, pointer)
        return True


def _memory_of_caller(caller: wasmtime.Caller, store: wasmtime.Store) -> PublicMemory | None:
    found = caller.get(MEMORY)
    return PublicMemory(store, found) if isinstance(found, wasmtime.Memory) else None


def _never_called(*_args: int) -> None:
    """Stands for a host function in a linker that makes no instances."""
