"""How often each method of each plugin was called and how long it took (spec behaviour section 16).

Fed by the event bus; Navidrome's own names for the two numbers are `plugin_request_count` and
`plugin_request_latency`. Answers of `plugin:not_implemented` are no calls in this sense, nor are calls that
never reached a version.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from engine.calls import Outcome, PluginId
from engine.events import CallFinished, Event

_KEPT_LATENCIES: Final = 512
"""Newest latencies per method that percentiles are taken from."""
_UNCOUNTED: Final = (Outcome.NOT_IMPLEMENTED, Outcome.LOAD_FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodMetrics:
    """The figures of one method of one plugin."""

    plugin: PluginId
    method: str
    ok_count: int
    failed_count: int
    median_ms: float
    p95_ms: float
    """Over the newest calls, good and bad."""
    last_error: str | None


class Metrics:
    """Counts finished calls; `record` may be subscribed to the bus, `methods` read, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[tuple[PluginId, str], _Tally] = {}

    def record(self, event: Event) -> None:
        """Take note of a finished call; other events are ignored."""
        if not isinstance(event, CallFinished) or event.result.outcome in _UNCOUNTED:
            return
        result = event.result
        with self._lock:
            tally = self._tallies.setdefault((event.plugin, result.method), _Tally())
            tally.add(result.duration_ns, result.error if not result.ok else None, ok=result.ok)

    def methods(self) -> tuple[MethodMetrics, ...]:
        """All methods called so far, sorted by plugin and method."""
        with self._lock:
            return tuple(tally.figures(plugin, method) for (plugin, method), tally in sorted(self._tallies.items()))


class _Tally:
    def __init__(self) -> None:
        self._ok = 0
        self._failed = 0
        self._latencies_ns: deque[int] = deque(maxlen=_KEPT_LATENCIES)
        self._last_error: str | None = None

    def add(self, duration_ns: int, error: str | None, *, ok: bool) -> None:
        if ok:
            self._ok += 1
        else:
            self._failed += 1
            self._last_error = error
        self._latencies_ns.append(duration_ns)

    def figures(self, plugin: PluginId, method: str) -> MethodMetrics:
        ordered = sorted(self._latencies_ns)
        return MethodMetrics(
            plugin=plugin,
            method=method,
            ok_count=self._ok,
            failed_count=self._failed,
            median_ms=ordered[len(ordered) // 2] / 1e6,
            p95_ms=ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)] / 1e6,
            last_error=self._last_error,
        )
