"""Compiled code on disk: `[CacheFolder]/plugins/workbench`, private to the user, addressed by content.

Loading compiled code is running it, so every byte is digested before it is handed to wasmtime, and the same
bytes that were digested are the ones loaded. Whatever is wrong with an entry or with the folder is reported
and costs a compilation, never more. The folder above may belong to a Navidrome; nothing there is touched.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import wasmtime

from engine.wasm.runtime import Runtime

_SUFFIX: Final = ".cwasm"
_DIGEST_HEX: Final = 64


class CompileCache:
    """Entries named `<module hash>-<compiler fingerprint>.<digest of the entry>.cwasm`; safe from any thread."""

    def __init__(
        self,
        folder: Path,
        runtime: Runtime,
        *,
        size_limit_bytes: int | None,
        on_fault: Callable[[Path, str], None],
    ) -> None:
        """`size_limit_bytes` None or 0 means nothing is ever purged; `on_fault` is told what could not be used."""
        self._folder = folder
        self._runtime = runtime
        self._on_fault = on_fault
        self._is_usable = self._prepare()
        if self._is_usable and size_limit_bytes:
            self._purge(size_limit_bytes)

    def load(self, module_sha256: str) -> tuple[wasmtime.Module, int] | None:
        """The compiled module and its size in bytes, or None when there is no usable entry."""
        if not self._is_usable:
            return None
        for path in self._entries(module_sha256):
            try:
                artifact = path.read_bytes()
                if hashlib.sha256(artifact).hexdigest() != path.name[-len(_SUFFIX) - _DIGEST_HEX : -len(_SUFFIX)]:
                    raise ValueError("the entry is damaged: its digest does not match")
                module = wasmtime.Module.deserialize(self._runtime.engine, artifact)
            except (OSError, ValueError, wasmtime.WasmtimeError) as error:
                self._on_fault(path, str(error))
                with suppress(OSError):
                    path.unlink()
                continue
            with suppress(OSError):
                os.utime(path)  # age is counted from the last use
            return module, len(artifact)
        return None

    def store(self, module_sha256: str, artifact: bytes | bytearray) -> None:
        """Keep an artifact; it appears complete or not at all."""
        if not self._is_usable:
            return
        digest = hashlib.sha256(artifact).hexdigest()
        target = self._folder / f"{self._stem(module_sha256)}.{digest}{_SUFFIX}"
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=self._folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(artifact)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, target)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            self._on_fault(target, f"cannot keep the compiled module: {error}")

    def _stem(self, module_sha256: str) -> str:
        return f"{module_sha256}-{self._runtime.fingerprint}"

    def _entries(self, module_sha256: str) -> list[Path]:
        try:
            return sorted(self._folder.glob(f"{self._stem(module_sha256)}.*{_SUFFIX}"))
        except OSError as error:
            self._on_fault(self._folder, str(error))
            return []

    def _prepare(self) -> bool:
        """Create the folder, or refuse one that somebody else could write into."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            info = self._folder.stat()
            if hasattr(os, "getuid") and info.st_uid != os.getuid():
                raise OSError("the folder belongs to another user")
            if stat.S_IMODE(info.st_mode) & 0o077:
                os.chmod(self._folder, 0o700)
            descriptor, probe = tempfile.mkstemp(prefix=".new-", dir=self._folder)
            os.close(descriptor)
            os.unlink(probe)
        except OSError as error:
            self._on_fault(self._folder, f"the compile cache cannot be used, modules are compiled anew: {error}")
            return False
        return True

    def _purge(self, limit: int) -> None:
        """Drop the entries used longest ago until the rest fits; leftovers of killed writers go first."""
        try:
            files = [(path, path.stat()) for path in self._folder.iterdir() if path.is_file()]
        except OSError as error:
            self._on_fault(self._folder, str(error))
            return
        files.sort(key=lambda item: (not item[0].name.startswith(".new-"), item[1].st_mtime_ns))
        total = sum(info.st_size for _, info in files)
        for path, info in files:
            if total <= limit:
                return
            with suppress(OSError):
                path.unlink()
                total -= info.st_size
