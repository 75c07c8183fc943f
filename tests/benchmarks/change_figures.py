"""From a changed module to the first answer by the new code, against compile and instantiate of the Go stack."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from engine import Engine, EventBus, Settings
from engine.calls import Outcome
from engine.events import CompileFinished, ReloadFinished
from engine.plugins.discovery import MODULE_NAME
from engine.wasm.tier import Tier
from tests.benchmarks.comparison import Figure
from tests.benchmarks.compiled import next_optimised
from tests.benchmarks.facts import Facts
from tests.benchmarks.ground import ARTIST, Ground, tracing
from tests.benchmarks.modules import copy_plugin, save, variant
from tests.benchmarks.tables import duration
from workbench.session import Session

_PLUGIN: Final = "changing"
_METHOD: Final = "GetArtistBiography"
_REQUEST: Final[Mapping[str, object]] = {"name": ARTIST}


async def measure(ground: Ground) -> list[Figure]:
    """Change the module of a copy of the subject again and again; each change is compiled by both sides."""
    folder = copy_plugin(ground.subject, ground.scratch / "changed" / _PLUGIN, number=0)
    changes = _Changes(ground, folder / MODULE_NAME)
    asked, watched = _Answers(), _Answers()
    await _refreshed(ground, folder, changes, asked)
    await _watched(ground, folder, changes, watched)
    size = f"{changes.size / 1e6:.1f} MB"
    return [
        Figure(
            key="change_to_answer",
            what=f"changed file to first answer, {size}",
            ours=asked.times,
            go=changes.go,
            most_ratio=0.75,
            note=f"from Engine.refresh to the answer of a call, {asked.compile} of it to compile; "
            "the Go stack's figure is compile and instantiate, without a call",
        ),
        Figure(
            key="save_to_answer",
            what="the same, noticed by watching, settled",
            ours=watched.times,
            go=changes.go,
            most_ratio=1.1,
            note=f"from the file's rename to the answer, {watched.compile} of it to compile; "
            "300 ms are the wait whether the file stays as it is",
        ),
    ]


@dataclass(slots=True)
class _Changes:
    """Makes the module another one, and lets the Go stack compile each."""

    ground: Ground
    module: Path
    go: list[float] = field(default_factory=list)
    """Compile and instantiate, of each change."""
    number: int = 0
    size: int = 0

    async def make(self) -> bytes:
        """The next module; the Go stack has compiled it when this returns."""
        self.number += 1
        data = variant((self.ground.subject / MODULE_NAME).read_bytes(), self.number)
        self.size = len(data)
        if self.ground.peer is not None:
            beside = self.ground.scratch / "changed" / "for-go.wasm"
            beside.write_bytes(data)
            answer = await self.ground.peer.compile(beside, cache=self.ground.go_cache("changed"))
            self.go.append(answer.compile_ns + answer.start_ns)
        return data


@dataclass(slots=True)
class _Answers:
    """Samples of our side, nanoseconds."""

    times: list[float] = field(default_factory=list)
    compiles: list[float] = field(default_factory=list)

    @property
    def compile(self) -> str:
        """For people: what compiling the tier that serves first took."""
        return duration(median(self.compiles))

    async def take(self, begin_ns: int, compiled: Facts[CompileFinished]) -> None:
        """An answer is there; returns when nothing is compiled in the background any more."""
        self.times.append(time.perf_counter_ns() - begin_ns)
        first = await compiled.next()
        self.compiles.append(first.duration_ns)
        if first.tier != Tier.OPTIMISED:
            await next_optimised(compiled)


async def _refreshed(ground: Ground, folder: Path, changes: _Changes, answers: _Answers) -> None:
    """The file is in place and stable when the clock starts."""
    bus = EventBus()
    compiled = Facts(bus, CompileFinished)
    async with tracing(bus), Engine(_settings(ground), folders=[folder], bus=bus) as engine:
        await next_optimised(compiled)
        for _ in range(ground.effort.changes):
            save(changes.module, await changes.make())
            begin = time.perf_counter_ns()
            info = await engine.refresh(_PLUGIN)
            await _answer(engine, info.generation)
            await answers.take(begin, compiled)


async def _watched(ground: Ground, folder: Path, changes: _Changes, answers: _Answers) -> None:
    """The clock starts when the file is replaced."""
    bus = EventBus()
    compiled, reloaded = Facts(bus, CompileFinished), Facts(bus, ReloadFinished)
    async with tracing(bus), Session(_settings(ground), [folder], bus=bus) as session:
        await session.engine.ready(_PLUGIN)
        await next_optimised(compiled)
        for _ in range(ground.effort.saves):
            data = await changes.make()
            begin = time.perf_counter_ns()
            save(changes.module, data)
            reload = await reloaded.next()
            await _answer(session.engine, reload.generation)
            await answers.take(begin, compiled)


def _settings(ground: Ground) -> Settings:
    """With what the subject needs to know, under the copy's name."""
    return ground.fresh("changed").with_plugin_config(_PLUGIN, ground.settings.config_for(ground.effort.subject))


async def _answer(engine: Engine, generation: int) -> None:
    result = await engine.call(_PLUGIN, _METHOD, _REQUEST)
    if result.outcome is not Outcome.OK or result.generation != generation:
        raise RuntimeError(f"version {result.generation} of {_PLUGIN} answered {result.outcome}: {result.error}")
