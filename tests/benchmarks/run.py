"""One run of the comparison with the Go stack: builds the peer where there is a Go, and measures figure by figure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from engine import Settings
from tests.benchmarks import call_figures, change_figures, fleet_figures, load_figures
from tests.benchmarks.comparison import Figure
from tests.benchmarks.go_peer import GoPeer, PeerError, build_guest, build_program
from tests.benchmarks.ground import Effort, Ground
from tests.benchmarks.modules import GUEST, write_guest_manifest
from workbench.demo.services import DemoServices, demo_settings
from workbench.devloop.toolchain import Toolchain


@asynccontextmanager
async def prepared(
    effort: Effort,
    *,
    samples: Path,
    scratch: Path,
    toolchain: Toolchain,
    say: Callable[[str], None],
) -> AsyncIterator[Ground]:
    """What a run stands on, with the peer running if there can be one; `say` is told when there cannot."""
    async with AsyncExitStack() as stack:
        services = stack.enter_context(DemoServices())
        base = Settings.load(environ={"HOME": str(scratch)}, plugins_folder=samples)
        program, guest, peer = None, None, None
        try:
            program = await build_program(toolchain, scratch)
            guest = scratch / GUEST
            guest.mkdir()
            write_guest_manifest(guest)
            await build_guest(toolchain, guest)
            peer = await stack.enter_async_context(GoPeer(program))
        except PeerError as error:
            program = guest = None
            say(f"Without the Go stack: {error}")
        yield Ground(
            effort=effort,
            settings=demo_settings(base, services),
            samples=samples,
            scratch=scratch,
            guest=guest,
            peer=peer,
            program=program,
        )


async def compare(ground: Ground, say: Callable[[str], None]) -> list[Figure]:
    """All figures, in the order of the table; `say` is told what is being measured."""
    figures: list[Figure] = []
    for about, measure in (
        ("a changed module", change_figures.measure),
        ("loading compiled code", load_figures.measure),
        ("calls", call_figures.measure),
        ("many plugins", fleet_figures.measure),
    ):
        say(f"measuring {about} ...")
        figures += await measure(ground)
    return figures


def report(figures: list[Figure], machine: Mapping[str, object]) -> Mapping[str, object]:
    """A run as JSON takes it."""
    return {"machine": machine, "figures": [figure.as_json() for figure in figures]}
