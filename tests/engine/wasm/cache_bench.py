"""A compile cache on a test's folder, with code to keep in it and everything that it complained about."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import wasmtime

from engine.wasm.cache_entry import CODE_SUFFIX
from engine.wasm.compile_cache import CachedModule, CompileCache
from engine.wasm.runtime import Runtime
from engine.wasm.tier import Tier

SHA = "ab" * 32
OTHER_SHA = "cd" * 32


def sha(number: int) -> str:
    """The hash of one of many modules."""
    return f"{number:064x}"


def code_of(runtime: Runtime, export: str = "f") -> bytes:
    """Serialised code of a module with one export."""
    return bytes(wasmtime.Module(runtime.engine, f'(module (func (export "{export}")))').serialize())


def exports_of(cached: CachedModule | None) -> list[str]:
    """The names that a loaded module exports; none when nothing was loaded."""
    return [] if cached is None else [item.name for item in cached.module.exports]


class CacheBench:
    """A folder for caches of one runtime."""

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        self.folder = folder
        self.runtime = runtime
        self.faults: list[str] = []
        self._caches: list[CompileCache] = []

    def open(self, limit: int | None = None) -> CompileCache:
        """A new cache on the folder, as a new process would have it; its faults are added to `faults`."""
        cache = CompileCache(
            self.folder,
            self.runtime,
            size_limit_bytes=limit,
            on_fault=lambda path, error: self.faults.append(f"{path.name}: {error}"),
        )
        self._caches.append(cache)
        return cache

    def close(self) -> None:
        """Close all caches that were opened."""
        for cache in self._caches:
            cache.close()

    def code_files(self) -> list[Path]:
        """The code files that lie in the folder, by name."""
        return sorted(path for path in self.folder.iterdir() if path.suffix == CODE_SUFFIX)

    def only_code_file(self) -> Path:
        """The one code file that lies in the folder."""
        [path] = self.code_files()
        return path

    def only_code_file_of(self, module: str) -> Path:
        """The one code file of a module."""
        [path] = [path for path in self.code_files() if path.name.startswith(module)]
        return path


def keep(
    cache: CompileCache,
    code: bytes | bytearray | memoryview | Path,
    *,
    module: str = SHA,
    tier: Tier = Tier.OPTIMISED,
    plugin: str = "probe",
) -> CachedModule | None:
    """Store code with notes that a test can recognise."""
    return cache.store(module, tier, code, plugin=plugin, module_bytes=1234, compile_ns=5678)


def names_of(paths: Iterable[Path]) -> set[str]:
    """The file names of paths."""
    return {path.name for path in paths}
