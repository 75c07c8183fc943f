"""What a guest perceives of the world: the time, how long a sleep lasts, chance, and whether stdout leads anywhere.

`World` is the engine's choice, `Senses` what one instance has of it; docs/fidelity.md sets the two kinds side by side.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import Final, Protocol

from engine.clock import Clock, SystemClock
from engine.settings import Fidelity

_RELEASED_START_NS: Final = 1_640_995_200_000_000_000
"""2022-01-01T00:00:00Z, the first wall time that every instance reads in the released host (spec abi section 2)."""
_RELEASED_STEP_NS: Final = 1_000_000
_RELEASED_SEED: Final = 42


class Senses(Protocol):
    """One instance's own; used by its thread alone."""

    @property
    def keeps_stdout(self) -> bool:
        """Whether what goes to stdout is kept; stderr always is."""
        ...

    def wall_ns(self) -> int:
        """Read the wall clock, nanoseconds since the Unix epoch."""
        ...

    def monotonic_ns(self) -> int:
        """Read the clock that never runs backwards."""
        ...

    def sleep(self, stop: threading.Event, seconds: float) -> bool:
        """Let so much time pass, unless `stop` is set first; true when it was set."""
        ...

    def random_bytes(self, count: int) -> bytes:
        """Draw; asked only where the world's `decides_chance` says so."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What all guests of an engine live in; safe from any thread."""

    clock: Clock
    """What they see of time, unless the released host's habits hold."""
    seed: int | None = None
    """Every instance draws the same bytes, made from it; None for real randomness."""
    fidelity: Fidelity = Fidelity.DOCUMENT

    @property
    def decides_time(self) -> bool:
        """Whether guests read their clocks here. Otherwise they read the machine's, by way of wasmtime.

        On demand only: by way of Python a reading takes 2 us instead of 0.1, and a call makes up to two of them.
        """
        return self.fidelity is Fidelity.NAVIDROME or not _is_machines(self.clock)

    @property
    def decides_chance(self) -> bool:
        """Whether randomness comes from here. Otherwise it is the system's, by way of wasmtime, for the same reason."""
        return self.seed is not None or self.fidelity is Fidelity.NAVIDROME

    def senses(self) -> Senses:
        """The senses of a new instance; call it as soon as its WASI configuration is made."""
        if self.fidelity is Fidelity.NAVIDROME:
            return _ReleasedSenses(_RELEASED_SEED if self.seed is None else self.seed)
        begin_ns = time.monotonic_ns() if _is_machines(self.clock) else 0
        return _EngineSenses(self.clock, self.seed, begin_ns)


def _is_machines(clock: Clock) -> bool:
    return isinstance(clock, SystemClock) and clock.is_machines


class _Chance:
    """A sequence of bytes that depends on nothing but the seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generator: random.Random | None = None

    def draw(self, count: int) -> bytes:
        # Made at the first draw: seeding takes as long as a call of a guest that draws nothing.
        if self._generator is None:
            self._generator = random.Random(self._seed)
        return self._generator.randbytes(count)


class _EngineSenses:
    """The engine's clock, real or virtual; sleeps last as long as that clock says."""

    keeps_stdout: Final = True

    def __init__(self, clock: Clock, seed: int | None, begin_ns: int) -> None:
        """`begin_ns` is where the guest's monotonic clock has its zero on the engine's."""
        self.wall_ns = clock.now_ns
        self._clock = clock
        self._begin_ns = begin_ns
        self._chance = None if seed is None else _Chance(seed)

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns() - self._begin_ns

    def sleep(self, stop: threading.Event, seconds: float) -> bool:
        return self._clock.wait(stop, seconds)

    def random_bytes(self, count: int) -> bytes:
        assert self._chance is not None, "without a seed the system is asked"
        return self._chance.draw(count)


class _ReleasedSenses:
    """A clock that moves by being read, sleeps that take no time, a fixed sequence for chance; new in each instance."""

    keeps_stdout: Final = False

    def __init__(self, seed: int) -> None:
        self._wall_ns = _RELEASED_START_NS - _RELEASED_STEP_NS
        self._monotonic_ns = -_RELEASED_STEP_NS
        self._chance = _Chance(seed)

    def wall_ns(self) -> int:
        self._wall_ns += _RELEASED_STEP_NS
        return self._wall_ns

    def monotonic_ns(self) -> int:
        self._monotonic_ns += _RELEASED_STEP_NS
        return self._monotonic_ns

    def sleep(self, stop: threading.Event, seconds: float) -> bool:
        return stop.is_set()

    def random_bytes(self, count: int) -> bytes:
        return self._chance.draw(count)
