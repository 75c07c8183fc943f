"""The compile cache as a folder of files: what lies there, what has to go. Loads no code and needs no wasmtime.

Safe beside other processes on the same folder: a file is removed or moved into its place in one step, and whoever has
code loaded keeps it. Every method touches the disk; safe from any thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.plugins.files import cause_text
from engine.wasm.cache_entry import CODE_SUFFIX, NOTES_SUFFIX, CacheEntry, EntryName
from engine.wasm.cache_notes import read_notes
from engine.wasm.private_files import check_folder, is_ours
from engine.wasm.scratch import remove_abandoned
from engine.wasm.tier import Tier

_BEST_FIRST: Final = (Tier.OPTIMISED, Tier.QUICK)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file of the cache; `name` is None when it is nobody's entry."""

    path: Path
    name: EntryName | None
    status: os.stat_result
    notes_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """Its own and that of its notes."""
        return self.status.st_size + self.notes_bytes


class CodeFolder:
    """Compiled code in `[CacheFolder]/plugins/workbench`: list it, remove it."""

    def __init__(self, folder: Path, *, fingerprint: str, on_fault: Callable[[Path, str], None]) -> None:
        """`fingerprint` is the compiler's own (`runtime.compiler_fingerprint`); `on_fault` is told what went wrong."""
        self.path = folder
        self.fingerprint = fingerprint
        self._on_fault = on_fault

    def entries(self) -> tuple[CacheEntry, ...]:
        """Everything that is kept, also for other versions of the compiler; the last used first."""
        entries = [self._entry(file.name, file) for file in self._files() if file.name is not None]
        return tuple(sorted(entries, key=lambda entry: (-entry.last_used_ns, entry.path)))

    def purge(self, *, plugin: str | None = None, module_sha256: str | None = None) -> tuple[CacheEntry, ...]:
        """Remove what was compiled for a plugin, or of a module, or everything; returns the entries that are gone.

        Everything includes what is of no use to anybody: lost notes, damaged names, what killed processes left.
        """
        removed = []
        is_everything = plugin is None and module_sha256 is None
        for file in self._files(with_links=is_everything):
            if file.name is None:
                if is_everything:
                    self._remove(file)
                continue
            entry = self._entry(file.name, file)
            is_meant = plugin in (None, entry.plugin) and module_sha256 in (None, entry.module_sha256)
            if is_meant and self._remove(file):
                removed.append(entry)
        if is_everything:
            self.remove_leftovers()
        return tuple(removed)

    def find(self, module_sha256: str) -> list[EntryName]:
        """The entries of a module that this compiler can load, the best tier first; raises `OSError`."""
        prefix = f"{module_sha256}-{self.fingerprint}-"
        names = [
            name
            for file_name in os.listdir(self.path)
            if file_name.startswith(prefix) and file_name.endswith(CODE_SUFFIX) and (name := EntryName.parse(file_name))
        ]
        return sorted(names, key=lambda name: (_BEST_FIRST.index(name.tier), name.digest))

    def drop(self, name: EntryName) -> bool:
        """Remove an entry with its notes; false, and a fault, when the system refuses."""
        try:
            # The code first: notes without an entry are found and removed, an entry without notes is still used.
            (self.path / name.code_file).unlink(missing_ok=True)
            (self.path / name.notes_file).unlink(missing_ok=True)
        except OSError as error:
            self._on_fault(self.path / name.code_file, f"cannot remove the compiled module: {cause_text(error)}")
            return False
        return True

    def shrink(self, limit_bytes: int, *, kept: EntryName | None = None) -> None:
        """Remove what was used longest ago until the rest fits (spec behaviour section 14); `kept` stays."""
        files = sorted(self._files(with_links=True), key=lambda file: file.status.st_mtime_ns)
        total = sum(file.size_bytes for file in files)
        for file in files:
            if total <= limit_bytes:
                return
            if (kept is None or file.name != kept) and self._remove(file):
                total -= file.size_bytes

    def remove_leftovers(self) -> None:
        """Remove what processes that are gone had begun, and notes whose entry is gone."""
        try:
            check_folder(self.path)
            remove_abandoned(self.path)
            files = set(os.listdir(self.path))
        except OSError as error:
            self._report_folder(error)
            return
        for file_name in files:
            if file_name.endswith(NOTES_SUFFIX):
                name = EntryName.parse(file_name)
                if name is not None and name.code_file not in files:
                    self.drop(name)

    def _files(self, *, with_links: bool = False) -> Iterator[_File]:
        """Code files of ours, strays with its suffix included; other things of that name only `with_links`."""
        try:
            check_folder(self.path)
            with os.scandir(self.path) as found:
                names = [entry.name for entry in found]
        except OSError as error:
            self._report_folder(error)
            return
        for file_name in names:
            if not file_name.endswith(CODE_SUFFIX):
                continue
            path, name = self.path / file_name, EntryName.parse(file_name)
            try:
                status = path.lstat()
            except OSError:
                continue  # another process was quicker
            if with_links or (stat.S_ISREG(status.st_mode) and is_ours(status)):
                notes_bytes = 0 if name is None else _size_of(self.path / name.notes_file)
                yield _File(path=path, name=name, status=status, notes_bytes=notes_bytes)

    def _entry(self, name: EntryName, file: _File) -> CacheEntry:
        notes, hits = read_notes(self.path / name.notes_file)
        return CacheEntry(
            path=file.path,
            module_sha256=name.module_sha256,
            tier=name.tier,
            wasmtime_version=name.wasmtime_version,
            is_current=name.fingerprint == self.fingerprint,
            code_bytes=file.status.st_size,
            last_used_ns=file.status.st_mtime_ns,
            hits=hits,
            plugin=notes.plugin,
            module_bytes=notes.module_bytes,
            compile_ns=notes.compile_ns,
            created_ns=notes.created_ns,
        )

    def _remove(self, file: _File) -> bool:
        if file.name is not None:
            return self.drop(file.name)
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            self._on_fault(file.path, f"cannot remove the file: {cause_text(error)}")
            return False
        return True

    def _report_folder(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # no folder is an empty one
            self._on_fault(self.path, f"cannot look into the compile cache: {cause_text(error)}")


def _size_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
