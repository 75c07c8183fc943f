"""Compiled code on disk: `[CacheFolder]/plugins/workbench`, private to the user, addressed by content.

Loading compiled code is running it, so every byte is digested before it is handed to wasmtime, and the same
bytes that were digested are the ones loaded. Whatever is wrong with an entry or with the folder is reported
and costs a compilation, never more. The folder above may belong to a Navidrome; nothing there is touched.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import wasmtime

from engine.plugins.files import cause_text
from engine.wasm.cache_entry import CacheEntry, EntryName
from engine.wasm.cache_notes import Notes, count_hit, write_notes
from engine.wasm.code_folder import CodeFolder
from engine.wasm.private_files import NotPrivate, open_private, prepare_folder, unlink_opened, write_new
from engine.wasm.runtime import Runtime
from engine.wasm.scratch import Scratch
from engine.wasm.tier import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedModule:
    """Code that was loaded from the disk."""

    module: wasmtime.Module
    tier: Tier
    code_bytes: int


class CompileCache:
    """One file for the code of a module in one tier, named by what it depends on and what it holds.

    Safe from any thread and beside other processes. Files appear complete or not at all and are never changed, so a
    process that is killed, at whatever moment, leaves at most its scratch folder, which the next one removes.
    """

    def __init__(
        self,
        folder: Path,
        runtime: Runtime,
        *,
        size_limit_bytes: int | None,
        on_fault: Callable[[Path, str], None],
    ) -> None:
        """`size_limit_bytes` None or 0 means nothing is ever purged; `on_fault` is told what could not be used."""
        self.files = CodeFolder(folder, fingerprint=runtime.fingerprint, on_fault=on_fault)
        """What is kept: to be listed and purged."""
        self._folder = folder
        self._runtime = runtime
        self._limit = size_limit_bytes or None
        self._on_fault = on_fault
        self._scratch = Scratch(folder)
        self._is_usable = self._prepare()
        if self._is_usable:
            self.files.remove_leftovers()
            if self._limit is not None:
                self.files.shrink(self._limit)

    def scratch(self) -> Path | None:
        """A folder (0700) for files that are to be stored, gone after `close`; None when nothing can be kept."""
        if not self._is_usable:
            return None
        try:
            prepare_folder(self._folder)  # somebody may have deleted it meanwhile
            return self._scratch.path()
        except OSError as error:
            self._on_fault(self._folder, f"cannot write to the compile cache, nothing is kept: {cause_text(error)}")
            return None

    def load(self, module_sha256: str, *, plugin: str) -> CachedModule | None:
        """The code of a module in the best tier there is, or None when it has to be compiled.

        Counts as a use of the entry; `plugin` is noted when the entry's own notes are lost.
        """
        if not self._is_usable:
            return None
        try:
            names = self.files.find(module_sha256)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._on_fault(self._folder, f"cannot look into the compile cache: {cause_text(error)}")
            return None
        for name in names:
            cached = self._load(name)
            if cached is not None:
                self._count(name, plugin)
                return cached
        return None

    def store(
        self,
        module_sha256: str,
        tier: Tier,
        artifact: bytes | bytearray | memoryview | Path,
        *,
        plugin: str,
        module_bytes: int,
        compile_ns: int,
    ) -> CachedModule | None:
        """Keep serialised code and load it; None when it cannot be loaded, and has to be compiled once more.

        A `Path` is a finished file in `scratch()`; it is moved, and in any case gone afterwards. Code that can be
        loaded but not kept, for want of room say, is returned all the same; that it is not kept is a fault. Optimised
        code takes the place of quick code, and then the oldest entries go until the cache is within its limit.
        """
        finished = artifact if isinstance(artifact, Path) else self._written(artifact)
        if finished is None:
            return None if isinstance(artifact, Path) else self._from_memory(artifact, tier)
        notes = Notes(plugin=plugin, module_bytes=module_bytes, compile_ns=compile_ns, created_ns=time.time_ns())
        try:
            with open(open_private(finished), "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                os.fsync(file.fileno())
                code_bytes = os.fstat(file.fileno()).st_size
                module = self._deserialise(file, digest)
            _touch(finished)
        except OSError as error:
            self._on_fault(finished, f"cannot read what was compiled: {cause_text(error)}")
            _remove(finished)
            return None if isinstance(artifact, Path) else self._from_memory(artifact, tier)
        except (ValueError, wasmtime.WasmtimeError) as error:
            self._on_fault(finished, f"what was compiled cannot be loaded: {error}")
            _remove(finished)
            return None
        name = EntryName(module_sha256=module_sha256, fingerprint=self._runtime.fingerprint, tier=tier, digest=digest)
        if self._keep(finished, name, notes):
            self._make_room(name)
        return CachedModule(module=module, tier=tier, code_bytes=code_bytes)

    def entries(self) -> tuple[CacheEntry, ...]:
        """See `CodeFolder.entries`."""
        return self.files.entries()

    def purge(self, *, plugin: str | None = None, module_sha256: str | None = None) -> tuple[CacheEntry, ...]:
        """See `CodeFolder.purge`."""
        return self.files.purge(plugin=plugin, module_sha256=module_sha256)

    def close(self) -> None:
        """Remove the scratch folder; nothing is loaded or kept any more. Idempotent."""
        self._is_usable = False
        self._scratch.close()

    # --- loading

    def _load(self, name: EntryName) -> CachedModule | None:
        path = self._folder / name.code_file
        try:
            descriptor = open_private(path)
        except FileNotFoundError:
            return None  # purged since the folder was listed
        except OSError as error:
            self._on_fault(path, f"cannot read the compiled module: {cause_text(error)}")
            if isinstance(error, NotPrivate):
                _remove(path)
            # Anything else may pass, such as too many open files, or is mended by storing the entry anew.
            return None
        with open(descriptor, "rb") as file:
            try:
                if hashlib.file_digest(file, "sha256").hexdigest() != name.digest:
                    raise ValueError("the entry is damaged: its digest does not match")
                module = self._deserialise(file, name.digest)
            except OSError as error:
                self._on_fault(path, f"cannot read the compiled module: {cause_text(error)}")
                return None
            except (ValueError, wasmtime.WasmtimeError) as error:
                self._on_fault(path, f"{error}; it is compiled anew")
                unlink_opened(path, descriptor)
                _remove(self._folder / name.notes_file)
                return None
            return CachedModule(module=module, tier=name.tier, code_bytes=os.fstat(descriptor).st_size)

    def _deserialise(self, file: BufferedReader, digest: str) -> wasmtime.Module:
        """The module in a file of this digest; raises `WasmtimeError`, `OSError`, and `ValueError` when it changed."""
        if sys.platform == "linux":
            # Mapped, which takes a twentieth of the time of reading. By way of its descriptor it is the very file
            # that was digested, whatever its name leads to by now.
            with suppress(wasmtime.WasmtimeError):
                return wasmtime.Module.deserialize_file(self._runtime.engine, f"/proc/self/fd/{file.fileno()}")
            # No /proc here, or a file system that code must not be mapped from: the bytes may still do.
        file.seek(0)
        code = file.read()
        if hashlib.sha256(code).hexdigest() != digest:
            raise ValueError("the file changed while it was read")
        return wasmtime.Module.deserialize(self._runtime.engine, code)

    def _from_memory(self, artifact: bytes | bytearray | memoryview, tier: Tier) -> CachedModule | None:
        try:
            module = wasmtime.Module.deserialize(self._runtime.engine, bytes(artifact))
        except wasmtime.WasmtimeError as error:
            self._on_fault(self._folder, f"what was compiled cannot be loaded: {error}")
            return None
        return CachedModule(module=module, tier=tier, code_bytes=len(artifact))

    def _count(self, name: EntryName, plugin: str) -> None:
        """Note a hit; whatever fails here is not worth a word."""
        notes_path = self._folder / name.notes_file
        with suppress(OSError):
            _touch(self._folder / name.code_file)
            try:
                count_hit(notes_path)
            except FileNotFoundError:
                notes = Notes(plugin=plugin, module_bytes=None, compile_ns=None, created_ns=None)
                write_notes(notes_path, notes, scratch=self._scratch.path())
                count_hit(notes_path)

    # --- storing

    def _prepare(self) -> bool:
        try:
            prepare_folder(self._folder)
        except OSError as error:
            self._on_fault(
                self._folder, f"the compile cache cannot be used, modules are compiled anew: {cause_text(error)}"
            )
            return False
        return True

    def _written(self, artifact: bytes | bytearray | memoryview) -> Path | None:
        scratch = self.scratch()
        if scratch is None:
            return None
        try:
            return write_new(scratch, artifact)
        except OSError as error:
            self._on_fault(self._folder, f"cannot keep the compiled module: {cause_text(error)}")
            return None

    def _keep(self, finished: Path, name: EntryName, notes: Notes) -> bool:
        """Move a file into its place and write its notes; false, and a fault, when it cannot be kept."""
        target = self._folder / name.code_file
        try:
            os.replace(finished, target)
        except OSError as error:
            self._on_fault(target, f"cannot keep the compiled module: {cause_text(error)}")
            _remove(finished)
            return False
        with suppress(OSError):  # an entry does without
            write_notes(self._folder / name.notes_file, notes, scratch=self._scratch.path())
        return True

    def _make_room(self, stored: EntryName) -> None:
        """Remove what `stored` takes the place of, then the oldest entries beyond the limit."""
        try:
            names = self.files.find(stored.module_sha256)
        except OSError as error:
            self._on_fault(self._folder, f"cannot look into the compile cache: {cause_text(error)}")
            return
        for name in names:
            if name != stored and stored.tier in (name.tier, Tier.OPTIMISED):
                self.files.drop(name)
        if self._limit is not None:
            self.files.shrink(self._limit, kept=stored)


def _touch(path: Path) -> None:
    """Set the time of last use to now, more finely than the system does it by itself."""
    now_ns = time.time_ns()
    os.utime(path, ns=(now_ns, now_ns))


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
