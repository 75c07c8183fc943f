"""Deciding that something on disk has come to rest: half-written files and save storms are waited out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTiming:
    """How patient the loop is."""

    settle_s: float = 0.3
    """A file must not change for so long before it is taken as complete."""
    poll_s: float = 0.5
    """Between two looks where the system reports no changes."""
    recheck_s: float = 3.0
    """Between two looks where it does: reports get lost, and a missing folder cannot be watched."""


class Settler(Generic[_T]):
    """Compares what is seen with what was last acted on. Pure: the caller says what time it is."""

    def __init__(self, accepted: _T, *, settle_ns: int) -> None:
        """`accepted` is the value that needs no action; another one must be seen unchanged for `settle_ns`."""
        self.accepted = accepted
        self._settle_ns = settle_ns
        self._seen = accepted
        self._since_ns = 0

    def observe(self, value: _T, now_ns: int) -> bool:
        """Note what is there now; true when it is new and has been the same for long enough."""
        if value != self._seen:
            self._seen, self._since_ns = value, now_ns
        return self._seen != self.accepted and now_ns >= self._since_ns + self._settle_ns

    def accept(self, value: _T) -> None:
        """`value` has been acted on."""
        self.accepted = self._seen = value

    @property
    def due_ns(self) -> int | None:
        """When to look again; None while nothing is unsettled."""
        return None if self._seen == self.accepted else self._since_ns + self._settle_ns
