"""From the bytes of plugin.wasm to a `CompiledModule`: header check, cache, compilation, at most two at a time."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Final

import wasmtime

from engine.calls import PluginId
from engine.clock import Clock
from engine.errors import CompileError, Place
from engine.events import CompileFailed, CompileFinished, CompileStarted, EventBus
from engine.wasm.compile_cache import CompileCache
from engine.wasm.module import CompiledModule, describe, refusal_of_header
from engine.wasm.runtime import Runtime
from engine.wasm.threads import GuestThreads

_CONCURRENT: Final = 2


class Compiler:
    """Compiles on threads of its own; `compile` belongs to the engine's loop."""

    def __init__(
        self, runtime: Runtime, cache: CompileCache, *, bus: EventBus, clock: Clock, module_limit_bytes: int
    ) -> None:
        self._runtime = runtime
        self._cache = cache
        self._bus = bus
        self._clock = clock
        self._limit = module_limit_bytes
        self._threads = GuestThreads(name="compile", limit=_CONCURRENT)

    async def compile(self, plugin: PluginId, path: Path) -> CompiledModule:
        """Read and compile a module; raises `CompileError` with the texts of spec behaviour section 14."""
        return await asyncio.wrap_future(self._threads.submit(self._compile, plugin, path))

    def close(self, timeout_s: float) -> None:
        """Stop taking work; a compilation under way cannot be stopped and is left to its daemon thread."""
        self._threads.close(timeout_s)

    def _compile(self, plugin: PluginId, path: Path) -> CompiledModule:
        data = self._read(plugin, path)
        sha256 = hashlib.sha256(data).hexdigest()
        begin = time.perf_counter_ns()
        cached = self._cache.load(sha256)
        if cached is not None:
            module, code_bytes = cached
            self._report(plugin, sha256, begin, is_cached=True, code_bytes=code_bytes)
            return describe(module, sha256=sha256, module_bytes=len(data), code_bytes=code_bytes)
        self._bus.publish(
            CompileStarted(time_ns=self._clock.now_ns(), plugin=plugin, module_sha256=sha256, module_bytes=len(data))
        )
        try:
            module = wasmtime.Module(self._runtime.engine, data)
        except wasmtime.WasmtimeError as error:
            text = _one_line(str(error))
            self._bus.publish(
                CompileFailed(
                    time_ns=self._clock.now_ns(),
                    plugin=plugin,
                    module_sha256=sha256,
                    error=text,
                    duration_ns=time.perf_counter_ns() - begin,
                )
            )
            raise CompileError(
                f"failed to compile WASM for plugin {plugin}: {text}", plugin=plugin, place=Place(file=path)
            ) from error
        artifact = module.serialize()
        self._cache.store(sha256, artifact)
        self._report(plugin, sha256, begin, is_cached=False, code_bytes=len(artifact))
        return describe(module, sha256=sha256, module_bytes=len(data), code_bytes=len(artifact))

    def _read(self, plugin: PluginId, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                data = file.read(self._limit + 1)
        except OSError as error:
            raise CompileError(
                f"failed to read wasm file: {error.strerror or error}", plugin=plugin, place=Place(file=path)
            ) from error
        refusal = refusal_of_header(data)
        if len(data) > self._limit:
            refusal = f"the file is larger than {self._limit} bytes"
        if refusal is not None:
            raise CompileError(
                f"failed to compile WASM for plugin {plugin}: {refusal}", plugin=plugin, place=Place(file=path)
            )
        return data

    def _report(self, plugin: PluginId, sha256: str, begin: int, *, is_cached: bool, code_bytes: int) -> None:
        self._bus.publish(
            CompileFinished(
                time_ns=self._clock.now_ns(),
                plugin=plugin,
                module_sha256=sha256,
                is_cached=is_cached,
                duration_ns=time.perf_counter_ns() - begin,
                code_bytes=code_bytes,
            )
        )


def _one_line(text: str) -> str:
    """wasmtime explains in several lines, outermost first; authors want them in one."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and line.strip() != "Caused by:"]
    return ": ".join(lines) if lines else text
