"""What a pool did and holds: the counts behind the trace's events and the screens, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from engine.histogram import TimeFigures, TimeHistogram
from engine.limits import PoolMode


class DiscardReason(StrEnum):
    """Why an instance is gone; the value is the word that events carry."""

    USED = "used"
    """Its one call is over."""
    EXPIRED = "expired"
    """It was idle for too long."""
    BROKEN = "broken"
    """Its guest trapped, exited or was stopped."""
    SURPLUS = "surplus"
    """It came back from a call, and enough were idle already."""
    CLOSED = "closed"
    """Its version was replaced or removed, or the engine closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFigures:
    """One live instance of a pool."""

    instance_id: int
    is_busy: bool
    calls: int
    """Calls that it was handed to so far, the present one included."""
    memory_bytes: int
    """Linear memory when it last came to rest: after its start, then after each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """The pool of one plugin version at one moment; counts begin with the version."""

    mode: PoolMode
    idle: int
    busy: int
    """Slots taken; an instance that a call has still to start is among them."""
    waiting: int
    created: int
    """Instances started, the one that checked the version included."""
    reused: int
    """Calls that got an instance which had served another one before."""
    warm: int
    """Calls for which a started instance was waiting."""
    cold: int
    """Calls that had to start theirs."""
    refused: int
    """Calls that got no instance: told busy, stopped while they waited, or theirs did not start."""
    discarded: Mapping[DiscardReason, int]
    wait: TimeFigures
    """From asking to having a slot, over the calls that got an instance."""
    start: TimeFigures
    """Starting an instance, over all that were created."""
    last_memory_bytes: int
    """Linear memory of the instance that came to rest last."""
    peak_memory_bytes: int
    """The most that any instance had when it came to rest."""
    instances: tuple[InstanceFigures, ...]
    """The live ones, oldest first."""


@dataclass(slots=True, kw_only=True)
class _Life:
    """What is noted of a live instance."""

    is_busy: bool
    calls: int
    memory_bytes: int


@dataclass(slots=True)
class PoolTally:
    """Counts for one pool; belongs to the engine's loop. Remembers single instances while they live."""

    created: int = 0
    reused: int = 0
    warm: int = 0
    cold: int = 0
    refused: int = 0
    last_memory_bytes: int = 0
    peak_memory_bytes: int = 0
    _discarded: dict[DiscardReason, int] = field(default_factory=dict)
    _wait: TimeHistogram = field(default_factory=TimeHistogram)
    _start: TimeHistogram = field(default_factory=TimeHistogram)
    _lives: dict[int, _Life] = field(default_factory=dict)

    def note_created(self, instance_id: int, *, start_ns: int, memory_bytes: int) -> None:
        """An instance ran through its start."""
        self.created += 1
        self._start.add(start_ns)
        self._lives[instance_id] = _Life(is_busy=False, calls=0, memory_bytes=0)
        self._rest(instance_id, memory_bytes)

    def note_leased(self, instance_id: int, *, wait_ns: int, is_warm: bool) -> None:
        """A call got an instance."""
        self._wait.add(wait_ns)
        if is_warm:
            self.warm += 1
        else:
            self.cold += 1
        life = self._lives[instance_id]
        self.reused += life.calls > 0
        life.calls += 1
        life.is_busy = True

    def note_returned(self, instance_id: int, *, memory_bytes: int) -> None:
        """The call is over."""
        self._lives[instance_id].is_busy = False
        self._rest(instance_id, memory_bytes)

    def note_discarded(self, instance_id: int, reason: DiscardReason) -> None:
        """An instance is gone."""
        self._lives.pop(instance_id, None)
        self._discarded[reason] = self._discarded.get(reason, 0) + 1

    def statistics(self, *, mode: PoolMode, idle: int, busy: int, waiting: int) -> PoolStatistics:
        """Everything counted so far, beside what the pool says of the moment."""
        return PoolStatistics(
            mode=mode,
            idle=idle,
            busy=busy,
            waiting=waiting,
            created=self.created,
            reused=self.reused,
            warm=self.warm,
            cold=self.cold,
            refused=self.refused,
            discarded=MappingProxyType(dict(self._discarded)),
            wait=self._wait.figures(),
            start=self._start.figures(),
            last_memory_bytes=self.last_memory_bytes,
            peak_memory_bytes=self.peak_memory_bytes,
            instances=tuple(
                InstanceFigures(
                    instance_id=instance_id, is_busy=life.is_busy, calls=life.calls, memory_bytes=life.memory_bytes
                )
                for instance_id, life in sorted(self._lives.items())
            ),
        )

    def _rest(self, instance_id: int, memory_bytes: int) -> None:
        self._lives[instance_id].memory_bytes = memory_bytes
        self.last_memory_bytes = memory_bytes
        self.peak_memory_bytes = max(self.peak_memory_bytes, memory_bytes)
