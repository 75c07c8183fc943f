"""Where a plugin's build stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from engine.errors import Place

BUILD_FAILED: Final = "build failed"
"""The state of a plugin whose newest build failed, whatever still serves; one word more than the engine's states."""


class BuildPhase(StrEnum):
    """The states of a plugin's build step."""

    NONE = "none"
    """There is nothing to build from."""
    IDLE = "idle"
    """The module is as new as its sources, or nobody has asked for a build yet."""
    NOT_TRUSTED = "not trusted"
    """A build is due, and its command waits for the user's consent."""
    WAITING = "waiting"
    """Another build has to end first."""
    BUILDING = "building"
    FAILED = "failed"
    """The newest build failed, or workbench.toml cannot be used; `error` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStatus:
    """A snapshot of one plugin's build step."""

    phase: BuildPhase
    command: tuple[str, ...] | None = None
    """None when there is nothing to build from, or workbench.toml cannot be used."""
    env: Mapping[str, str] = field(default_factory=dict)
    is_builtin: bool = False
    error: str | None = None
    hint: str | None = None
    place: Place | None = None

    @property
    def is_running(self) -> bool:
        return self.phase in (BuildPhase.WAITING, BuildPhase.BUILDING)
