"""Builds of one folder follow one another, whoever asks for them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from engine import Event, EventBus
from engine.calls import PluginId
from engine.clock import SystemClock
from engine.plugins.info import PluginInfo
from engine.tasks import Tasks
from tests.workbench.devloop.bench import EventLog
from workbench.devloop.build_config import Recipe
from workbench.devloop.builder import Builder
from workbench.devloop.builds import Builds
from workbench.devloop.events import BuildFinished, BuildOutput, BuildStarted
from workbench.devloop.toolchain import Toolchain
from workbench.devloop.trust import TrustStore
from workbench.devloop.workshop import Workshop


class NoPlugins:
    """A reload target that has nothing to reload."""

    def plugins(self) -> tuple[PluginInfo, ...]:
        return ()

    async def scan(self) -> None:
        return

    async def refresh(self, name: str) -> PluginInfo:
        raise AssertionError(f"nobody has {name} reloaded")


async def _nobody_waits() -> None:
    return


def _builds(folder: Path, shop: Workshop) -> Builds:
    return Builds(folder, shop, plugin=lambda: PluginId("probe"), info=lambda: None, on_built=_nobody_waits)


async def test_a_build_waits_for_another_lanes_build_in_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / "probe"
    folder.mkdir()
    os.mkfifo(folder / "go")
    bus, log, tasks = EventBus(), EventLog(), Tasks()
    bus.subscribe(log.take)
    shop = Workshop(
        target=NoPlugins(),
        builder=Builder(Toolchain(tmp_path / "cache"), parallel=2),
        trust=TrustStore(tmp_path / "trust.json", trust_all=True),
        tasks=tasks,
        bus=bus,
        clock=SystemClock(),
        settle_ns=0,
        may_build=lambda: True,
        on_reloaded=lambda: None,
    )
    first, second = _builds(folder, shop), _builds(folder, shop)
    first.request(
        Recipe(command=("sh", "-c", "echo on; read line < go; printf 1 > $0", "{output}"), env={}, sources=())
    )
    await log.next(BuildOutput)
    second.request(Recipe(command=("sh", "-c", "printf 2 > $0", "{output}"), env={}, sources=()))
    for _ in range(3):
        await asyncio.sleep(0)
    (folder / "go").write_text("on\n")
    await log.next(BuildFinished, after=1)
    await tasks.close()
    kinds: list[type[Event]] = [type(event) for event in log.events]
    assert kinds == [BuildStarted, BuildOutput, BuildFinished, BuildStarted, BuildFinished]
    assert (folder / "plugin.wasm").read_text() == "2"
