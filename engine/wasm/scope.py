"""The record of one capability call while it runs: what it may do, what it did, and how to stop it.

A `CallScope` is made by the engine on its loop, filled by the guest's thread, and read again on the loop
after the guest has returned; `interrupt` alone may be called by anybody at any time.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from engine.calls import CallId, HostCall, HostCallId, LogLine, Outcome, OutputStream, PluginId
from engine.clock import Clock
from engine.events import EventBus, GuestWrote, PermissionRefused
from engine.plugins.permissions import Permissions
from engine.settings import Limits
from engine.wasm.faults import HostStop

_host_call_ids = itertools.count(1)

_KEPT_HOST_CALLS = 1_000
"""Host calls and output lines kept in the result; the events carry all of them."""
_KEPT_LOG_LINES = 2_000
_KEPT_MESSAGE_BYTES = 8 * 1024 * 1024
"""Messages of host calls kept in the result; beyond it only their sizes."""
_LINE_COST_BYTES = 64
"""What a line of output counts for beside its own bytes: an event is made of it, however short it is."""


class CallScope:
    """One call's identity, limits, stop switch and records; implements the host services' `HostScope`."""

    def __init__(
        self,
        *,
        plugin: PluginId,
        call_id: CallId | None,
        limits: Limits,
        clock: Clock,
        bus: EventBus,
        wake: Callable[[], None],
    ) -> None:
        """`wake` makes running guests look at their stop switch (`Runtime.interrupt`)."""
        self.plugin = plugin
        self.call_id = call_id
        self.permissions = Permissions()
        self.config: Mapping[str, str] = {}
        self.initialising: int | None = None
        """The generation whose OnInit this call is, when a load runs it."""
        self.limits = limits
        self.clock = clock
        self.stop = threading.Event()
        self.host_calls: list[HostCall] = []
        self.logs: list[LogLine] = []
        self.dropped_host_calls = 0
        self.dropped_logs = 0
        self.host_ns = 0
        self.inside_ns = 0
        """Time on the guest's thread inside the method called, host calls included."""
        self.started_ns = time.perf_counter_ns()
        self.is_repaired = False
        self._bus = bus
        self._wake = wake
        self._stop_lock = threading.Lock()
        self._stop_outcome: Outcome | None = None
        self._stop_text = ""
        self._deadline_ns: int | None = None
        self._host_call_count = 0
        self._output_bytes = 0
        self._rate_room = float(limits.output_bytes_per_s)
        self._rate_ns = self.started_ns
        self._message_bytes = 0
        self._partial: dict[OutputStream, bytearray] = {}
        self._method = ""
        self._notes: list[str] = []

    def bind(self, permissions: Permissions, config: Mapping[str, str]) -> None:
        """Say on behalf of which version the guest runs; before this it may do nothing."""
        self.permissions = permissions
        self.config = config

    # --- stopping

    def interrupt(self, outcome: Outcome, text: str) -> bool:
        """Ask the guest to stop now; the first reason wins. False when one was given before. Any thread."""
        with self._stop_lock:
            is_first = self._stop_outcome is None
            if is_first:
                # The text first: a guest thread that sees the outcome reads the text next.
                self._stop_text = text
                self._stop_outcome = outcome
        self.stop.set()
        # Also for a later reason: a store that was made after the first wake-up has not heard of it.
        self._wake()
        return is_first

    @property
    def stop_outcome(self) -> Outcome | None:
        """What the call ends as because of `interrupt`; None while it may go on."""
        return self._stop_outcome

    @property
    def stop_text(self) -> str:
        """The reason given to `interrupt`."""
        return self._stop_text

    @property
    def stop_reason(self) -> str:
        """The same in the words Go's context package uses, which plugins test for."""
        return "context deadline exceeded" if self._stop_outcome is Outcome.TIMEOUT else "context canceled"

    def set_deadline(self, seconds: float | None) -> None:
        """Tell host services how long the call may still take; stopping it in time is the caller's part."""
        if seconds is None or math.isinf(seconds):
            self._deadline_ns = None
        else:
            self._deadline_ns = time.monotonic_ns() + round(seconds * 1e9)

    def remaining_s(self) -> float | None:
        """Seconds of real time until the deadline; None without one."""
        if self._deadline_ns is None:
            return None
        return max(0.0, (self._deadline_ns - time.monotonic_ns()) / 1e9)

    # --- host calls (guest thread)

    def begin_host_call(self, method: str) -> HostCallId:
        """Count a host call; raises `HostStop` beyond the limit or after `interrupt`."""
        if self._stop_outcome is not None:
            raise HostStop(self._stop_outcome, self._stop_text)
        self._host_call_count += 1
        if self._host_call_count > self.limits.host_calls:
            raise HostStop(
                Outcome.HOSTCALL_LIMIT, f"more than {self.limits.host_calls} host calls in one call of the plugin"
            )
        self._method = method
        self._notes = []
        return HostCallId(next(_host_call_ids))

    def end_host_call(self, host_call: HostCall) -> None:
        """Keep a finished host call."""
        self.host_ns += host_call.duration_ns
        if len(self.host_calls) >= _KEPT_HOST_CALLS:
            self.dropped_host_calls += 1
            return
        self._message_bytes += host_call.request_bytes + host_call.response_bytes
        if self._message_bytes > _KEPT_MESSAGE_BYTES:
            host_call = replace(host_call, request=None, response=None, is_shortened=True)
        self.host_calls.append(host_call)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the host service noted during the host call under way."""
        return tuple(self._notes)

    def note(self, text: str) -> None:
        """Add a line to the trace of the host call under way."""
        self._notes.append(text)

    def refused(self, *, target: str, reason: str, hint: str) -> None:
        """Report that the manifest does not allow `target`; `hint` names the line that would."""
        self._notes.append(hint)
        self._bus.publish(
            PermissionRefused(
                time_ns=self.clock.now_ns(),
                plugin=self.plugin,
                call_id=self.call_id,
                method=self._method,
                target=target,
                reason=reason,
                hint=hint,
            )
        )

    # --- guest output (guest thread)

    def write(self, stream: OutputStream, data: bytes) -> None:
        """Take guest output, split it into lines and publish each; raises `HostStop` beyond the limit."""
        rest = self._partial.setdefault(stream, bytearray())
        charged = len(rest)
        rest += data
        *lines, tail = bytes(rest).split(b"\n")
        rest[:] = tail[: self.limits.output_line_bytes + 1]
        self._renew_rate()
        for line in lines:
            self._charge(len(line) + 1 - charged + _LINE_COST_BYTES)
            charged = 0
            self._publish_line(stream, line)
        self._charge(len(tail) - charged)

    def _renew_rate(self) -> None:
        """Room for output comes back evenly, up to what one second may take."""
        now_ns = time.perf_counter_ns()
        rate = self.limits.output_bytes_per_s
        self._rate_room = min(rate, self._rate_room + rate * (now_ns - self._rate_ns) / 1e9)
        self._rate_ns = now_ns

    def _charge(self, cost_bytes: int) -> None:
        self._output_bytes += cost_bytes
        self._rate_room -= cost_bytes
        if self._stop_outcome is not None:
            raise HostStop(self._stop_outcome, self._stop_text)
        limits = self.limits
        if self._output_bytes > limits.output_bytes:
            excess = f"{limits.output_bytes} bytes of output in one call"
        elif self._rate_room < 0:
            excess = f"{limits.output_bytes_per_s} bytes of output per second"
        else:
            return
        self.flush()
        raise HostStop(Outcome.OUTPUT_LIMIT, f"the plugin wrote more than {excess}")

    def flush(self) -> None:
        """Publish what is left of unfinished lines; called when the guest has returned."""
        for stream, rest in self._partial.items():
            if rest:
                self._publish_line(stream, bytes(rest))
                rest.clear()

    def _publish_line(self, stream: OutputStream, raw: bytes) -> None:
        limit = self.limits.output_line_bytes
        line = LogLine(
            stream=stream,
            text=raw[:limit].decode("utf-8", errors="replace").rstrip("\r"),
            time_ns=self.clock.now_ns(),
            is_cut=len(raw) > limit,
        )
        if len(self.logs) >= _KEPT_LOG_LINES:
            # The last lines are the telling ones: a panic comes at the end of a flood.
            del self.logs[0]
            self.dropped_logs += 1
        self.logs.append(line)
        self._bus.publish(GuestWrote(time_ns=line.time_ns, plugin=self.plugin, call_id=self.call_id, line=line))
