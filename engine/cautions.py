"""What an engine says of itself when something is not as it should be, though it goes on."""

from __future__ import annotations

from pathlib import Path

from engine.clock import Clock
from engine.events import CacheFaulted, EngineWarned, EventBus
from engine.plugins.modes import open_to_others


class Cautions:
    """Publishes warnings that are nobody's failure; from any thread."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    def warn(self, summary: str, hint: str | None = None) -> None:
        """Publish an `EngineWarned`."""
        self._bus.publish(EngineWarned(time_ns=self._clock.now_ns(), summary=summary, hint=hint))

    def cache_faulted(self, path: Path, error: str) -> None:
        """A part of the compile cache cannot be used."""
        self._bus.publish(CacheFaulted(time_ns=self._clock.now_ns(), path=path, error=error))

    def compiles_inside(self, reason: str) -> None:
        """There are no compiler processes."""
        self.warn(
            f"modules are compiled inside this process, since no compiler process can be started: {reason}",
            "A compilation cannot be stopped then, and what it takes in memory stays taken.",
        )

    def calls_slowly(self, reason: str) -> None:
        """wasmtime is not the one that the fast call path knows."""
        self.warn(
            f"guests are called in the slow way: {reason}",
            "Calls take several times as long. Install the wasmtime version that constraints.txt names.",
        )

    def look_at_modes(self, folder: Path) -> None:
        """Look whether others may read or change what is installed in `folder`; waits for the disk."""
        paths = open_to_others(folder)
        if paths:
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            self.warn(
                f"the plugins folder is open to group or others: {paths[0]}{more}",
                f"Close it with: chmod -R go= {folder}",
            )
