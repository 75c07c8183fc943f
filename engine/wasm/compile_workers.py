"""The compiler processes of one engine: at most two, made when they are needed and kept warm.

What somebody waits for goes first. What is compiled in the background gets a process of its own with a low priority,
one compilation at a time, so that the other process is always free for the next edit.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import wasmtime

from engine.wasm.compile_process import (
    PROGRAM,
    CompiledCode,
    CompileOrder,
    CompileProcess,
    ModuleRefused,
    NoCompiler,
)
from engine.wasm.compile_worker import ModuleCompiler
from engine.wasm.runtime import ENGINE_SETTINGS
from engine.wasm.threads import GuestThreads

_AT_ONCE: Final = 2
_IN_BACKGROUND: Final = 1
_THREADS: Final = 2 * _AT_ONCE
"""Each process may be waited for while its predecessor is seen off."""
_PATIENCE: Final = 10
"""A compilation that takes so many times its processor time on the wall clock has come to a halt."""
_START_ATTEMPTS: Final = 2
"""A process that was killed while it started does not mean that there can be none."""
_CLOSE_LIMIT_S: Final = 2.0
_HERE_CLOSE_LIMIT_S: Final = 0.2
"""A compilation in this process cannot be stopped; it is left to its daemon thread."""


class CompileWorkers:
    """Runs compilations in processes, or in this one where there can be none. Belongs to the engine's loop."""

    def __init__(self, *, on_fallback: Callable[[str], None], program: Path = PROGRAM) -> None:
        """`on_fallback` is told, once, why there are no compiler processes; `program` is what they run."""
        self._on_fallback = on_fallback
        self._program = program
        self._workers: list[CompileProcess] = []
        self._idle: list[CompileProcess] = []
        self._running = {True: 0, False: 0}
        self._queues: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        self._threads = GuestThreads(name="compile", limit=_THREADS)
        self._threads_here = GuestThreads(name="compile-here", limit=_AT_ONCE)
        self._here: ModuleCompiler | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that are there now."""
        return tuple(worker.pid for worker in self._workers if worker.pid is not None and worker.is_alive)

    async def compile(
        self,
        order: CompileOrder,
        *,
        is_background: bool,
        on_wait: Callable[[], object],
        on_start: Callable[[], object],
    ) -> CompiledCode:
        """Do `order` when its turn has come; cancelling ends the compilation at once.

        `on_wait` is called when others come first, `on_start` when it begins.
        Raises `ModuleRefused`, `CompilerDied`, and what reading the module raises.
        """
        async with self._lane(is_background, on_wait):
            on_start()
            for attempt in range(_START_ATTEMPTS):
                if self._here is not None:
                    break
                try:
                    return await self._compile_in_process(order, is_background)
                except NoCompiler as error:
                    if attempt == _START_ATTEMPTS - 1:
                        self._fall_back(str(error))
            return await self._compile_here(order)

    async def close(self) -> None:
        """End all processes; the tasks that compile must have been cancelled and awaited before."""
        workers, self._workers = self._workers, []
        self._idle.clear()
        for worker in workers:
            worker.kill("the engine is closing")
        await asyncio.to_thread(self._close_threads, workers)

    # --- whose turn it is

    @contextlib.asynccontextmanager
    async def _lane(self, is_background: bool, on_wait: Callable[[], object]) -> AsyncIterator[None]:
        if not self._is_free(is_background) or self._queues[False] or self._queues[is_background]:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._queues[is_background].append(turn)
            on_wait()
            try:
                await turn  # whoever sets it has counted us in
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._leave(is_background)
                else:
                    with contextlib.suppress(ValueError):
                        self._queues[is_background].remove(turn)
                raise
        else:
            self._running[is_background] += 1
        try:
            yield
        finally:
            self._leave(is_background)

    def _is_free(self, is_background: bool) -> bool:
        if is_background and self._running[True] >= _IN_BACKGROUND:
            return False
        return sum(self._running.values()) < _AT_ONCE

    def _leave(self, is_background: bool) -> None:
        self._running[is_background] -= 1
        for kind in (False, True):
            while self._queues[kind] and self._is_free(kind):
                turn = self._queues[kind].popleft()
                if not turn.done():
                    self._running[kind] += 1
                    turn.set_result(None)

    # --- in a process

    async def _compile_in_process(self, order: CompileOrder, is_background: bool) -> CompiledCode:
        worker = self._take(is_background)
        limit_s = order.cpu_s * _PATIENCE
        timer = asyncio.get_running_loop().call_later(
            limit_s, worker.kill, f"it was not done after {limit_s:g} s: the compiler has come to a halt"
        )
        try:
            return await self._threads.run(
                lambda: worker.compile(order),
                interrupt=lambda: worker.kill("nobody wants it any more"),
                discard=_remove_output,
            )
        finally:
            timer.cancel()
            if worker.is_alive:
                self._idle.append(worker)
            elif worker in self._workers:
                self._workers.remove(worker)

    def _take(self, is_background: bool) -> CompileProcess:
        """An idle process of the right priority, or a new one, in the place of an idle one of the other if need be."""
        for worker in [worker for worker in self._idle if not worker.is_alive]:
            self._let_go(worker)
        for worker in self._idle:
            if worker.is_background is is_background:
                self._idle.remove(worker)
                return worker
        if len(self._workers) >= _AT_ONCE:
            self._let_go(self._idle[0])
        worker = CompileProcess(program=self._program, is_background=is_background)
        self._workers.append(worker)
        return worker

    def _let_go(self, worker: CompileProcess) -> None:
        self._idle.remove(worker)
        self._workers.remove(worker)
        worker.kill("another one takes its place")
        self._threads.submit(worker.close)

    # --- in this process

    def _fall_back(self, reason: str) -> None:
        if self._here is None:
            self._here = ModuleCompiler(ENGINE_SETTINGS)
            self._on_fallback(reason)

    async def _compile_here(self, order: CompileOrder) -> CompiledCode:
        """Cancelling gives up waiting only; an abandoned compilation still counts as one of the two."""
        compiler = self._here
        assert compiler is not None, "only after falling back"
        return await asyncio.wrap_future(self._threads_here.submit(_compile_on_thread, compiler, order))

    def _close_threads(self, workers: list[CompileProcess]) -> None:
        for worker in workers:
            worker.close()
        self._threads.close(_CLOSE_LIMIT_S)
        self._threads_here.close(_HERE_CLOSE_LIMIT_S)


def _compile_on_thread(compiler: ModuleCompiler, order: CompileOrder) -> CompiledCode:
    data = order.read()
    begin = time.perf_counter_ns()
    try:
        artifact = compiler.compile(data, order.tier.value)
    except wasmtime.WasmtimeError as error:
        raise ModuleRefused(str(error)) from error
    return CompiledCode(artifact=artifact, code_bytes=len(artifact), compile_ns=time.perf_counter_ns() - begin)


def _remove_output(code: CompiledCode) -> None:
    if isinstance(code.artifact, Path):
        with contextlib.suppress(OSError):
            code.artifact.unlink()
