"""Whose turn it is to be compiled, which process does it, and that nothing is left when nobody wants it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import wasmtime

from engine.wasm.compile_process import PROGRAM, CompiledCode, CompileOrder, ModuleRefused
from engine.wasm.compile_workers import CompileWorkers
from engine.wasm.tier import Tier
from tests.engine.wasm.heavy_modules import slow_module
from tests.waiting import wait_until

TINY = bytes(wasmtime.wat2wasm('(module (func (export "f")))'))


class Bench:
    """Orders to the compiler processes, held up on request while they read their modules."""

    def __init__(self, program: Path | None = None) -> None:
        self.fallbacks: list[str] = []
        self.workers = (
            CompileWorkers(on_fallback=self.fallbacks.append)
            if program is None
            else CompileWorkers(on_fallback=self.fallbacks.append, program=program)
        )
        self.news: list[str] = []
        self.gate = threading.Event()
        self.tasks: list[asyncio.Task[CompiledCode]] = []

    def compile(
        self, name: str, data: bytes = TINY, *, is_background: bool = False, is_held: bool = False
    ) -> asyncio.Task[CompiledCode]:
        def read() -> bytes:
            assert not is_held or self.gate.wait(20)
            return data

        task = asyncio.create_task(
            self.workers.compile(
                CompileOrder(read=read, tier=Tier.OPTIMISED, output=None, cpu_s=60),
                is_background=is_background,
                on_wait=lambda: self.news.append(f"{name} waits"),
                on_start=lambda: self.news.append(f"{name} starts"),
            )
        )
        self.tasks.append(task)
        return task

    async def until(self, *news: str) -> None:
        """Wait until exactly these things have happened, in this order."""
        await asyncio.to_thread(wait_until, lambda: self.news == list(news), what=f"{news}")

    async def close(self) -> None:
        self.gate.set()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        pids = self.workers.pids
        await self.workers.close()
        assert not [pid for pid in pids if is_running(pid)]


def is_running(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.close()


@pytest.fixture
async def stranded(tmp_path: Path) -> AsyncIterator[Bench]:
    """There is no program for compiler processes."""
    bench = Bench(tmp_path / "missing.py")
    yield bench
    await bench.close()


@contextmanager
def threads_gone(prefix: str) -> Iterator[None]:
    yield
    wait_until(
        lambda: not [thread for thread in threading.enumerate() if thread.name.startswith(prefix)],
        what=f"the end of the {prefix} threads",
    )


async def test_a_process_is_kept_for_the_next_compilation_and_made_at_the_first(bench: Bench) -> None:
    assert bench.workers.pids == ()
    await bench.compile("first")
    pids = bench.workers.pids
    await bench.compile("second")
    assert bench.workers.pids == pids
    assert len(pids) == 1


async def test_no_more_than_two_are_compiled_at_once_and_the_rest_in_order(bench: Bench) -> None:
    tasks = [bench.compile(name, is_held=True) for name in "abcd"]
    await bench.until("a starts", "b starts", "c waits", "d waits")
    bench.gate.set()
    await asyncio.gather(*tasks)
    assert [word for word in bench.news if word.endswith("starts")] == [f"{name} starts" for name in "abcd"]
    assert len(bench.workers.pids) == 2


async def test_what_somebody_waits_for_comes_before_what_is_in_the_background(bench: Bench) -> None:
    first = bench.compile("first", is_held=True)
    other = bench.compile("other", is_held=True)
    background = bench.compile("background", is_background=True)
    urgent = bench.compile("urgent")
    await bench.until("first starts", "other starts", "background waits", "urgent waits")
    bench.gate.set()
    await asyncio.gather(first, other, background, urgent)
    assert bench.news[4:] == ["urgent starts", "background starts"]


async def test_the_background_never_takes_more_than_one_place(bench: Bench) -> None:
    one = bench.compile("one", is_background=True, is_held=True)
    two = bench.compile("two", is_background=True)
    await bench.until("one starts", "two waits")
    await bench.compile("urgent")
    assert bench.news == ["one starts", "two waits", "urgent starts"]
    bench.gate.set()
    await asyncio.gather(one, two)


async def test_processes_change_their_priority_by_being_replaced(bench: Bench) -> None:
    held = [bench.compile(name, is_held=True) for name in "ab"]
    await bench.until("a starts", "b starts")
    bench.gate.set()
    await asyncio.gather(*held)
    before = set(bench.workers.pids)
    await bench.compile("background", is_background=True)
    assert len(bench.workers.pids) == 2
    assert len(before & set(bench.workers.pids)) == 1


async def test_cancelling_kills_the_compilation_and_makes_room(bench: Bench) -> None:
    bombs = [bench.compile(name, slow_module(100_000, salt=salt)) for salt, name in enumerate("ab")]
    await bench.until("a starts", "b starts")
    waiting = bench.compile("c")
    await bench.until("a starts", "b starts", "c waits")
    wait_until(lambda: len(bench.workers.pids) == 2, what="both processes")
    pids = bench.workers.pids
    bombs[0].cancel()
    await asyncio.wait_for(waiting, 5)
    assert bombs[0].cancelled()
    assert not bombs[1].done()
    assert sum(is_running(pid) for pid in pids) == 1


async def test_cancelling_while_waiting_gives_the_turn_to_the_next(bench: Bench) -> None:
    held = [bench.compile(name, is_held=True) for name in "ab"]
    giving_up = bench.compile("c")
    patient = bench.compile("d")
    await bench.until("a starts", "b starts", "c waits", "d waits")
    giving_up.cancel()
    bench.gate.set()
    await asyncio.gather(*held, patient)
    assert "c starts" not in bench.news


@pytest.mark.skipif(sys.platform == "win32", reason="signals of other systems")
async def test_an_idle_process_that_died_is_replaced_without_a_word(bench: Bench) -> None:
    await bench.compile("first")
    (pid,) = bench.workers.pids
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: bench.workers.pids == (), what="the end of the process")
    await bench.compile("second")
    assert bench.fallbacks == []


async def test_a_process_that_dies_while_it_starts_is_replaced_once(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import pathlib, runpy, sys\n"
        "marker = pathlib.Path(__file__).with_name('was-here')\n"
        "if not marker.exists():\n"
        "    marker.touch()\n"
        "    sys.exit(1)\n"
        f"runpy.run_path({str(PROGRAM)!r}, run_name='__main__')\n"
    )
    bench = Bench(program)
    await bench.compile("first")
    assert bench.fallbacks == []
    assert len(bench.workers.pids) == 1
    await bench.close()


async def test_closing_in_the_middle_leaves_no_process_and_no_thread(bench: Bench) -> None:
    with threads_gone("compile"):
        bench.compile("bomb", slow_module(100_000))
        await bench.until("bomb starts")
        wait_until(lambda: len(bench.workers.pids) == 1, what="the process")
        await bench.close()
        assert bench.workers.pids == ()


async def test_without_processes_modules_are_compiled_here_and_that_is_said_once(stranded: Bench) -> None:
    codes = await asyncio.gather(*(stranded.compile(name) for name in "abc"))
    assert all(isinstance(code.artifact, bytearray) and code.compile_ns > 0 for code in codes)
    assert len(stranded.fallbacks) == 1
    with pytest.raises(ModuleRefused):
        await stranded.compile("bad", TINY[:-2])
    assert stranded.workers.pids == ()


async def test_without_processes_giving_up_does_not_wait_and_two_are_still_the_most(stranded: Bench) -> None:
    await stranded.compile("first")
    held = [stranded.compile(name, is_held=True) for name in "ab"]
    await stranded.until("first starts", "a starts", "b starts")
    held[0].cancel()
    await asyncio.wait((held[0],), timeout=5)
    assert held[0].cancelled()
    third = stranded.compile("c")
    await asyncio.wait((third,), timeout=0.1)
    assert not third.done(), "the one that was given up still runs"
    stranded.gate.set()
    await asyncio.gather(held[1], third)
