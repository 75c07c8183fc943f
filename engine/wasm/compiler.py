"""From the bytes of plugin.wasm to a `CompiledModule`: header check, cache, and compilation in two tiers.

What somebody waits for is compiled quickly and serves as soon as it is ready; `improve` then makes the optimised code
in the background. Each distinct module is compiled once at a time, whoever wants it, and only while somebody does.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from engine.calls import PluginId
from engine.clock import Clock
from engine.errors import CompileError, LoadSuperseded, Place
from engine.events import EventBus
from engine.limits import Limits
from engine.tasks import Tasks
from engine.wasm.compile_cache import CompileCache
from engine.wasm.compile_jobs import CompileJobs, Wish, described
from engine.wasm.compile_process import CompilerDied, ModuleRefused
from engine.wasm.compile_reports import CompileReport
from engine.wasm.compile_workers import CompileWorkers
from engine.wasm.module import CompiledModule, refusal_of_header
from engine.wasm.threads import GuestThreads
from engine.wasm.tier import Tier

_T = TypeVar("_T")

_SMALL_BYTES: Final = 64 * 1024
"""Optimising takes about half a millisecond per KiB: a module up to this size is better off without a quick tier."""
_READERS: Final = 2
_CLOSE_LIMIT_S: Final = 2.0


class ModuleChanged(Exception):
    """The file does not hold the module any more that was to be compiled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A module as it was read, and its code if it was in the cache."""

    data: bytes
    sha256: str
    cached: CompiledModule | None


class _Load:
    """A `compile` under way; `dropped` is done, with the reason, when its result is not wanted any more."""

    def __init__(self) -> None:
        self.sha256: str | None = None
        self.dropped: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def drop(self, reason: str) -> None:
        if not self.dropped.done():
            self.dropped.set_result(reason)


@dataclass(slots=True, kw_only=True)
class _Improvement:
    """The optimised code of what serves in the quick tier, under way."""

    sha256: str
    deliver: Callable[[CompiledModule], None]
    task: asyncio.Task[None]


class Compiler:
    """Makes compiled modules; belongs to the engine's loop."""

    def __init__(
        self, cache: CompileCache, *, workers: CompileWorkers, limits: Limits, bus: EventBus, clock: Clock
    ) -> None:
        self._cache = cache
        self._workers = workers
        self._limit = limits.module_bytes
        self._bus = bus
        self._clock = clock
        self._threads = GuestThreads(name="module", limit=_READERS)
        self._jobs = CompileJobs(cache, workers, threads=self._threads, cpu_s=limits.compile_cpu_s)
        self._tasks = Tasks()
        self._loads: dict[PluginId, _Load] = {}
        self._improvements: dict[PluginId, _Improvement] = {}

    async def compile(self, plugin: PluginId, path: Path) -> CompiledModule:
        """The code of a module, in the quick tier if nothing better is at hand.

        Raises `CompileError` with the texts of spec behaviour section 14, and `LoadSuperseded` after `reconsider` or
        `forget`.
        """
        load = self._loads[plugin] = _Load()
        begin_ns = time.perf_counter_ns()
        try:
            source = await self._on_thread(lambda: self._look(plugin, path))
            load.sha256 = source.sha256
            self._drop_improvement(plugin, unless=source.sha256)
            if source.cached is not None:
                report = self._report(plugin, source, source.cached.tier, begin_ns)
                report.finished(code_bytes=source.cached.code_bytes, is_cached=True)
                return source.cached
            tier = Tier.OPTIMISED if len(source.data) <= _SMALL_BYTES else Tier.QUICK
            return await self._compile(plugin, path, load, source, self._report(plugin, source, tier, begin_ns), tier)
        finally:
            if self._loads.get(plugin) is load:
                del self._loads[plugin]

    def improve(
        self, plugin: PluginId, path: Path, compiled: CompiledModule, deliver: Callable[[CompiledModule], None]
    ) -> None:
        """Make the optimised code of what serves in the quick tier, in the background; `deliver` gets it.

        It ends without a result when the plugin asks for another module, is forgotten, or the file at `path` changed.
        """
        if compiled.tier is Tier.OPTIMISED:
            return
        current = self._improvements.get(plugin)
        if current is not None and current.sha256 == compiled.sha256:
            current.deliver = deliver
            return
        self._drop_improvement(plugin)
        task = self._tasks.spawn(f"optimise {plugin}", self._improve(plugin, path, compiled))
        self._improvements[plugin] = _Improvement(sha256=compiled.sha256, deliver=deliver, task=task)

    def reconsider(self, plugin: PluginId, path: Path) -> None:
        """A newer load of the plugin is waiting: give up the compilation under way if `path` is another module now."""
        load = self._loads.get(plugin)
        if load is not None:
            self._tasks.spawn(f"reconsider {plugin}", self._reconsider(load, path))

    def forget(self, plugin: PluginId) -> None:
        """The plugin is gone: nothing is compiled for it any more."""
        self._drop_improvement(plugin)
        load = self._loads.get(plugin)
        if load is not None:
            load.drop("the plugin was removed or switched off")

    async def close(self) -> None:
        """Kill every compilation and the processes; the loads must have been cancelled before."""
        await self._tasks.close()
        await self._jobs.close()
        await self._workers.close()
        await asyncio.to_thread(self._threads.close, _CLOSE_LIMIT_S)

    # --- for somebody who waits

    async def _compile(
        self, plugin: PluginId, path: Path, load: _Load, source: _Source, report: CompileReport, tier: Tier
    ) -> CompiledModule:
        data = source.data
        wish = Wish(
            plugin=plugin,
            sha256=source.sha256,
            module_bytes=len(data),
            tier=tier,
            is_background=False,
            read=lambda: data,
        )
        try:
            with self._jobs.wanted(wish, report) as task:
                await asyncio.wait((task, load.dropped), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            report.cancelled("the engine is closing")
            raise
        if not task.done() or task.cancelled():
            reason = load.dropped.result() if load.dropped.done() else "the engine is closing"
            report.cancelled(reason)
            raise LoadSuperseded(f"compiling plugin {plugin} was given up: {reason}", plugin=plugin)
        try:
            compiled = task.result()
        except (ModuleRefused, CompilerDied, OSError) as error:
            text = _one_line(str(error))
            report.failed(text)
            raise CompileError(
                f"failed to compile WASM for plugin {plugin}: {text}", plugin=plugin, place=Place(file=path)
            ) from error
        report.finished(code_bytes=compiled.code_bytes, is_cached=False)
        return compiled

    async def _reconsider(self, load: _Load, path: Path) -> None:
        try:
            sha256 = await self._on_thread(lambda: _hash(_read(path, self._limit)))
        except OSError:
            sha256 = None
        if load.sha256 is not None and sha256 != load.sha256:
            load.drop("the module has changed since")

    def _look(self, plugin: PluginId, path: Path) -> _Source:
        """Thread: read the module, judge its header, look into the cache."""
        try:
            data = _read(path, self._limit)
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
        sha256 = _hash(data)
        cached = self._cache.load(sha256, plugin=plugin)
        compiled = None if cached is None else described(cached, sha256=sha256, module_bytes=len(data))
        return _Source(data=data, sha256=sha256, cached=compiled)

    # --- in the background

    async def _improve(self, plugin: PluginId, path: Path, quick: CompiledModule) -> None:
        def read() -> bytes:
            # Not kept in memory while others have their turn; a newer file has a load of its own.
            data = _read(path, self._limit)
            if _hash(data) != quick.sha256:
                raise ModuleChanged("the file holds another module by now")
            return data

        wish = Wish(
            plugin=plugin,
            sha256=quick.sha256,
            module_bytes=quick.module_bytes,
            tier=Tier.OPTIMISED,
            is_background=True,
            read=read,
        )
        report = CompileReport(
            plugin=plugin,
            module_sha256=quick.sha256,
            module_bytes=quick.module_bytes,
            tier=Tier.OPTIMISED,
            is_background=True,
            begin_ns=time.perf_counter_ns(),
            bus=self._bus,
            clock=self._clock,
        )
        try:
            with self._jobs.wanted(wish, report) as task:
                compiled = await asyncio.shield(task)
        except asyncio.CancelledError:
            report.cancelled("the module it is for does not serve any more")
            raise
        except (ModuleChanged, OSError) as error:
            report.cancelled(str(error))
            return
        except (ModuleRefused, CompilerDied) as error:
            report.failed(_one_line(str(error)))
            return
        finally:
            improvement = self._improvements.get(plugin)
            if improvement is not None and improvement.task is asyncio.current_task():
                del self._improvements[plugin]
        report.finished(code_bytes=compiled.code_bytes, is_cached=False)
        assert improvement is not None, "it is replaced only after its task was cancelled"
        improvement.deliver(compiled)

    def _drop_improvement(self, plugin: PluginId, *, unless: str | None = None) -> None:
        """Give up optimising for `plugin`, unless it is this very module."""
        improvement = self._improvements.get(plugin)
        if improvement is not None and improvement.sha256 != unless:
            del self._improvements[plugin]
            improvement.task.cancel()

    # --- small things

    def _report(self, plugin: PluginId, source: _Source, tier: Tier, begin_ns: int) -> CompileReport:
        return CompileReport(
            plugin=plugin,
            module_sha256=source.sha256,
            module_bytes=len(source.data),
            tier=tier,
            is_background=False,
            begin_ns=begin_ns,
            bus=self._bus,
            clock=self._clock,
        )

    async def _on_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.wrap_future(self._threads.submit(work))


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit + 1)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _one_line(text: str) -> str:
    """wasmtime explains in several lines, outermost first; authors want them in one."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and line.strip() != "Caused by:"]
    return ": ".join(lines) if lines else text
