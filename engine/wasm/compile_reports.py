"""What the world is told about one wish for compiled code."""

from __future__ import annotations

import time

from engine.calls import PluginId
from engine.clock import Clock
from engine.events import (
    CompileCancelled,
    CompileFailed,
    CompileFinished,
    CompileQueued,
    CompileStarted,
    EventBus,
)
from engine.wasm.tier import Tier


class CompileReport:
    """Publishes how the compilation of one module for one plugin goes; safe from any thread."""

    def __init__(
        self,
        *,
        plugin: PluginId,
        module_sha256: str,
        module_bytes: int,
        tier: Tier,
        is_background: bool,
        begin_ns: int,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        """`begin_ns` is when the wish came up, by `time.perf_counter_ns`."""
        self._plugin = plugin
        self._sha256 = module_sha256
        self._module_bytes = module_bytes
        self._tier = tier
        self._is_background = is_background
        self._begin_ns = begin_ns
        self._bus = bus
        self._clock = clock

    def queued(self) -> None:
        """It has to wait for others."""
        self._bus.publish(
            CompileQueued(
                time_ns=self._clock.now_ns(),
                plugin=self._plugin,
                module_sha256=self._sha256,
                module_bytes=self._module_bytes,
                tier=self._tier,
            )
        )

    def started(self) -> None:
        """The compiler has it."""
        self._bus.publish(
            CompileStarted(
                time_ns=self._clock.now_ns(),
                plugin=self._plugin,
                module_sha256=self._sha256,
                module_bytes=self._module_bytes,
                tier=self._tier,
                is_background=self._is_background,
            )
        )

    def finished(self, *, code_bytes: int, is_cached: bool) -> None:
        """The code is at hand."""
        self._bus.publish(
            CompileFinished(
                time_ns=self._clock.now_ns(),
                plugin=self._plugin,
                module_sha256=self._sha256,
                is_cached=is_cached,
                duration_ns=self._elapsed_ns(),
                code_bytes=code_bytes,
                tier=self._tier,
                is_background=self._is_background,
            )
        )

    def failed(self, error: str) -> None:
        """There will be no code."""
        self._bus.publish(
            CompileFailed(
                time_ns=self._clock.now_ns(),
                plugin=self._plugin,
                module_sha256=self._sha256,
                error=error,
                duration_ns=self._elapsed_ns(),
                tier=self._tier,
                is_background=self._is_background,
            )
        )

    def cancelled(self, reason: str) -> None:
        """Nobody wants the code any more."""
        self._bus.publish(
            CompileCancelled(
                time_ns=self._clock.now_ns(),
                plugin=self._plugin,
                module_sha256=self._sha256,
                reason=reason,
                duration_ns=self._elapsed_ns(),
                tier=self._tier,
                is_background=self._is_background,
            )
        )

    def _elapsed_ns(self) -> int:
        return time.perf_counter_ns() - self._begin_ns
