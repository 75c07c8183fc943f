"""What can go wrong between a source file and a `plugin.wasm`.

EngineError
  BuildError         a build step failed, or there is nothing to build
    BuildConfigError   workbench.toml cannot be used; `place` has the line
    ToolchainError     the compiler that a build needs is not there and cannot be fetched
"""

from __future__ import annotations

from engine.errors import EngineError, Place


class BuildError(EngineError):
    """A build step did not bring a module; what was there before still is."""

    def __init__(
        self,
        summary: str,
        *,
        hint: str | None = None,
        plugin: str | None = None,
        place: Place | None = None,
        exit_code: int | None = None,
    ) -> None:
        """`exit_code` is that of the command; negative when a signal ended it, None when it never ran."""
        super().__init__(summary, hint=hint, plugin=plugin, place=place)
        self.exit_code = exit_code


class BuildConfigError(BuildError):
    """workbench.toml is unreadable, is no TOML, or says something that cannot be done."""


class ToolchainError(BuildError):
    """No usable Go was found, and fetching one failed."""
