"""What all measurements stand on: how much is measured, where, with which settings, and against which peer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from engine import EventBus, Settings
from tests.benchmarks.go_peer import GoPeer
from workbench.demo.catalogue import CATALOGUE
from workbench.trace.store import TraceStore

ARTIST: Final = next(artist.name for artist in CATALOGUE.artists if artist.biography)
"""Somebody that the demo's music service has something to say about."""

_DRAIN_S: Final = 0.1
"""As often as the screen does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How often things are repeated."""

    subject: str = "lyre-metadata"
    """The sample that most is measured with: the largest that Navidrome itself could load."""
    changes: int = 7
    """Changed modules, compiled by both sides."""
    saves: int = 5
    """Changed modules that are noticed by watching."""
    loads: int = 25
    blocks: int = 10
    """Blocks of calls or starts; the two sides take turns block by block."""
    calls: int = 40
    """Calls in instances of their own in one block, and instances started."""
    live_calls: int = 2_000
    """Calls of a live instance in one block."""
    host_calls: int = 10_000
    """Host calls in one call."""
    fleet: int = 20
    """Plugins that are loaded together."""
    openings: int = 5
    """Times that they are."""
    many_calls: int = 5_000
    """Calls of the run that watches memory."""


FULL: Final = Effort()
LONG: Final = Effort(many_calls=100_000)
QUICK: Final = Effort(
    changes=2, saves=1, loads=5, blocks=3, calls=15, live_calls=500, host_calls=2_000, fleet=2, openings=2,
    many_calls=500,
)  # fmt: skip
SMALLEST: Final = Effort(
    subject="hello-wat", changes=1, saves=1, loads=1, blocks=1, calls=2, live_calls=2, host_calls=10, fleet=1,
    openings=1, many_calls=20,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One run."""

    effort: Effort
    settings: Settings
    """With what the samples need; folders are below `scratch`."""
    samples: Path
    scratch: Path
    guest: Path | None
    """Folder of the guest; None where it could not be built."""
    peer: GoPeer | None
    """Running; None where there is no Go."""
    program: Path | None
    """The peer's program, to start another one."""

    @property
    def subject(self) -> Path:
        """Folder of the sample that most is measured with."""
        return self.samples / self.effort.subject

    def fresh(self, name: str) -> Settings:
        """The settings with empty folders of this name. No compiled code is purged, so that each run finds its own."""
        return replace(
            self.settings,
            cache_folder=self.scratch / name / "cache",
            data_folder=self.scratch / name / "data",
            plugins=replace(self.settings.plugins, cache_size_bytes=None),
        )

    def go_cache(self, name: str) -> Path:
        """Where the peer keeps compiled code of that name."""
        return self.scratch / name / "go-cache"


@asynccontextmanager
async def tracing(bus: EventBus) -> AsyncIterator[TraceStore]:
    """Trace all that happens on a bus, as the full screen does."""
    store = TraceStore()
    stop = bus.subscribe(store.accept)
    draining = asyncio.create_task(_drain(store))
    try:
        yield store
    finally:
        draining.cancel()
        stop()


async def _drain(store: TraceStore) -> None:
    while True:
        store.drain()
        await asyncio.sleep(_DRAIN_S)
