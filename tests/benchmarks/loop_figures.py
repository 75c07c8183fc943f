"""What the watch loop takes: from a saved source to the version that serves, split into its parts."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import replace
from pathlib import Path

from engine import Settings
from engine.events import CompileFinished, ReloadFinished
from tests.benchmarks.engine_figures import Recorder
from tests.benchmarks.tables import Row
from workbench.devloop.events import BuildFinished, BuildStarted
from workbench.session import Session

TEXT_SAVES = 10
GO_SAVES = 3


async def measure(settings: Settings, samples: Path, scratch: Path) -> list[tuple[str, list[Row]]]:
    """Edit copies of `hello-wat` and `lyre-metadata` again and again; each edit changes one text."""
    copy = scratch / "samples"
    shutil.copytree(samples, copy)
    fresh = replace(settings, cache_folder=scratch / "loop-cache", data_folder=scratch / "loop-data")
    # A text module states the length of its data, so the new text is as long as the old one.
    wat = _Edits(copy / "hello-wat" / "plugin.wat", "change this sentence", "edit no. {:011}")
    go = _Edits(copy / "lyre-metadata" / "main.go", 'name + ": "', 'name + " {}: "')
    return [
        ("Save to ready: hello-wat (text module)", await _save_to_ready(fresh, copy / "hello-wat", wat, TEXT_SAVES)),
        ("Save to ready: lyre-metadata (Go)", await _save_to_ready(fresh, copy / "lyre-metadata", go, GO_SAVES)),
    ]


class _Edits:
    """A source file and the one text in it that each edit replaces."""

    def __init__(self, source: Path, old: str, new: str) -> None:
        self._source, self._old, self._new = source, old, new
        self._original = source.read_text()
        if old not in self._original:
            raise SystemExit(f"{source} no longer contains {old!r}")

    def save(self, number: int) -> None:
        """Write the file with this edit."""
        self._source.write_text(self._original.replace(self._old, self._new.format(number)))


async def _save_to_ready(settings: Settings, folder: Path, edits: _Edits, count: int) -> list[Row]:
    plugin = folder.name
    total: list[int] = []
    notice: list[int] = []
    recorder = Recorder()
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch(event: object) -> None:
        if isinstance(event, ReloadFinished) and event.plugin == plugin:
            loop.call_soon_threadsafe(ready.set)

    recorder.bus.subscribe(watch)
    async with Session(settings, [folder], trust_all=True, bus=recorder.bus) as session:
        await session.devloop.build(plugin)
        await session.engine.ready(plugin)
        recorder.events.clear()
        for number in range(count):
            ready.clear()
            await asyncio.to_thread(edits.save, number)
            begin, begin_wall = time.perf_counter_ns(), time.time_ns()
            await asyncio.wait_for(ready.wait(), 120)
            total.append(time.perf_counter_ns() - begin)
            started = [event.time_ns for event in recorder.events if isinstance(event, BuildStarted)]
            notice.append(started[-1] - begin_wall)
    built = [event.duration_ns for event in recorder.events if isinstance(event, BuildFinished) and event.ok]
    waited = [event for event in recorder.of(CompileFinished, plugin) if not event.is_background]
    reloaded = recorder.figures(ReloadFinished, lambda event: event.duration_ns, plugin)
    return [
        Row(what="noticed, settled, build begun", samples_ns=notice),
        Row(what="build", samples_ns=built),
        Row(what="compile", samples_ns=[event.duration_ns for event in waited]),
        Row(what="reload, compile included", samples_ns=reloaded),
        Row(what="save to ready, all in all", samples_ns=total),
    ]
