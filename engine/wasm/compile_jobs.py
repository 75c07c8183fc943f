"""Compilations that are shared: one for each module and tier, for as long as anybody wants it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.calls import PluginId
from engine.wasm.compile_cache import CachedModule, CompileCache
from engine.wasm.compile_process import CompiledCode, CompileOrder, CompilerDied
from engine.wasm.compile_reports import CompileReport
from engine.wasm.compile_workers import CompileWorkers
from engine.wasm.module import CompiledModule, describe
from engine.wasm.threads import GuestThreads
from engine.wasm.tier import Tier

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A module that is to be compiled in one tier."""

    plugin: PluginId
    """Noted in the cache; a module may serve several plugins."""
    sha256: str
    module_bytes: int
    tier: Tier
    is_background: bool
    read: Callable[[], bytes]
    """The module of that hash, read on a thread when its turn has come."""


class CompileJob:
    """One compilation and those who wait for it; belongs to the engine's loop."""

    def __init__(self) -> None:
        self.task: asyncio.Task[CompiledModule] | None = None
        self._watchers: list[CompileReport] = []
        self._is_queued = False
        self._is_started = False

    @property
    def is_wanted(self) -> bool:
        return bool(self._watchers)

    def watch(self, report: CompileReport) -> None:
        """Tell `report` how it goes, what happened already included."""
        self._watchers.append(report)
        if self._is_started:
            report.started()
        elif self._is_queued:
            report.queued()

    def leave(self, report: CompileReport) -> None:
        """The opposite of `watch`."""
        self._watchers.remove(report)

    def queued(self) -> None:
        """It waits for its turn."""
        self._is_queued = True
        for watcher in self._watchers:
            watcher.queued()

    def started(self) -> None:
        """Its turn has come; a second attempt is no news."""
        if not self._is_started:
            self._is_started = True
            for watcher in self._watchers:
                watcher.started()


class CompileJobs:
    """All compilations under way; belongs to the engine's loop."""

    def __init__(self, cache: CompileCache, workers: CompileWorkers, *, threads: GuestThreads, cpu_s: float) -> None:
        """`cpu_s` is the processor time that one compilation may take."""
        self._cache = cache
        self._workers = workers
        self._threads = threads
        self._cpu_s = cpu_s
        self._tasks: set[asyncio.Task[CompiledModule]] = set()
        self._jobs: dict[tuple[str, Tier], CompileJob] = {}
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def wanted(self, wish: Wish, report: CompileReport) -> Iterator[asyncio.Task[CompiledModule]]:
        """The compilation of a module, wanted inside this block; it is killed when the last one leaves too early.

        The task raises `ModuleRefused`, `CompilerDied`, `OSError`, and what `wish.read` raises.
        """
        key = wish.sha256, wish.tier
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = CompileJob()
            job.task = self._start(job, wish)
        task = job.task
        assert task is not None, "a job is entered with its task"
        job.watch(report)
        try:
            yield task
        finally:
            job.leave(report)
            if task.done():
                # Whoever comes later asks the cache; a failure is to be tried again.
                self._forget(key, job)
            elif not job.is_wanted:
                self._forget(key, job)
                task.cancel()

    async def close(self) -> None:
        """Kill what is under way and wait for its end."""
        while tasks := tuple(self._tasks):
            for task in tasks:
                if not task.cancelling():  # cancelled once more it would not wait for its process
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, job: CompileJob, wish: Wish) -> asyncio.Task[CompiledModule]:
        """Not a task of `Tasks`: a module that is no good is no failure of the engine to be logged."""
        task = asyncio.get_running_loop().create_task(self._build(job, wish), name=f"compile {wish.sha256[:12]}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[CompiledModule]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever wanted it has seen it, or has left

    def _forget(self, key: tuple[str, Tier], job: CompileJob) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]

    async def _build(self, job: CompileJob, wish: Wish) -> CompiledModule:
        for output in (await self._on_thread(self._new_output), None):
            order = CompileOrder(read=wish.read, tier=wish.tier, output=output, cpu_s=self._cpu_s)
            code = await self._workers.compile(
                order, is_background=wish.is_background, on_wait=job.queued, on_start=job.started
            )
            cached = await self._on_thread(partial(self._keep, wish, code))
            if cached is not None:
                return cached
        raise CompilerDied("the code that came of it cannot be loaded")

    async def _on_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.wrap_future(self._threads.submit(work))

    def _new_output(self) -> Path | None:
        folder = self._cache.scratch()
        return None if folder is None else folder / f"compiled-{next(self._numbers)}"

    def _keep(self, wish: Wish, code: CompiledCode) -> CompiledModule | None:
        cached = self._cache.store(
            wish.sha256,
            wish.tier,
            code.artifact,
            plugin=wish.plugin,
            module_bytes=wish.module_bytes,
            compile_ns=code.compile_ns,
        )
        return None if cached is None else described(cached, sha256=wish.sha256, module_bytes=wish.module_bytes)


def described(cached: CachedModule, *, sha256: str, module_bytes: int) -> CompiledModule:
    """What a loaded module holds."""
    return describe(
        cached.module, sha256=sha256, module_bytes=module_bytes, code_bytes=cached.code_bytes, tier=cached.tier
    )
