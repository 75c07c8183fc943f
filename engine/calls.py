"""What one capability call is and what became of it: outcome, timings, host calls, guest output.

Values only. They are made by the engine, and read by events, the command line and the screens alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from google.protobuf.message import Message

CallId = NewType("CallId", int)
HostCallId = NewType("HostCallId", int)
PluginId = NewType("PluginId", str)
"""The manifest name of a plugin, or its folder name while its manifest cannot be read."""


class Outcome(StrEnum):
    """How a capability call ended; the value is the name used in JSON."""

    OK = "ok"
    NOT_FOUND = "not_found"
    NOT_IMPLEMENTED = "not_implemented"
    ERROR = "error"
    """The plugin answered an error text, by the flag or in an `error` field."""
    TRAP = "trap"
    EXIT = "exit"
    """The guest called `proc_exit`."""
    BAD_REPLY = "bad_reply"
    """The answer lies outside the guest's memory or is not a valid message."""
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    BUSY = "busy"
    """No instance became free in time."""
    LOAD_FAILED = "load_failed"
    """There was no version of the plugin to call."""
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    RESPONSE_LIMIT = "response_limit"
    HOSTCALL_LIMIT = "hostcall_limit"


class OutputStream(StrEnum):
    """Which of its two streams a guest wrote to."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of guest output, without its line end; `is_cut` when the line limit shortened it."""

    stream: OutputStream
    text: str
    time_ns: int
    """Wall time of the engine's clock."""
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCall:
    """One finished call of a host service by a guest."""

    host_call_id: HostCallId
    method: str
    """`Service.Method`, as in the `.proto` files."""
    request: Message | None
    """None when the guest's bytes could not be decoded, or `is_shortened`."""
    response: Message | None
    error: str | None
    """The refusal or failure text: from the response's `error` field, or of the trap."""
    is_trap: bool = False
    """The failure stopped the guest; there is no error channel (spec abi section 5)."""
    is_repaired: bool = False
    """Invalid UTF-8 in the request was replaced by U+FFFD."""
    is_shortened: bool = False
    """The messages were left out, because the call's records had grown too large; their sizes are still told."""
    start_ns: int
    """Offset from the start of the capability call, real time."""
    duration_ns: int
    request_bytes: int = 0
    response_bytes: int = 0
    notes: tuple[str, ...] = ()
    """What else happened, for people: a redirect, a refused hop, the manifest line that would allow it."""

    @property
    def ok(self) -> bool:
        return self.error is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Where the time of a call went, in nanoseconds of real time."""

    load_ns: int = 0
    """Waiting for the plugin to be compiled and initialised."""
    queue_ns: int = 0
    """Waiting for an instance, and for a thread to run it on."""
    start_ns: int = 0
    """Starting the instance; 0 when a started one was waiting."""
    guest_ns: int = 0
    """Inside the guest, host calls not counted."""
    host_ns: int = 0
    """Inside host services."""

    @property
    def total_ns(self) -> int:
        return self.load_ns + self.queue_ns + self.start_ns + self.guest_ns + self.host_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class TrapReport:
    """What a trap looked like from inside: code, innermost frames first, the guest's own last words."""

    code: str | None
    message: str
    frames: tuple[str, ...] = ()
    panic: str | None = None
    """The guest's panic or fatal-error text, found in its last lines of stderr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """Everything known about one finished capability call."""

    call_id: CallId
    plugin: PluginId
    version: str
    """Manifest version of the plugin that served; empty when nothing was loaded."""
    generation: int
    """Which load of the plugin served, counting from 1; 0 when nothing was loaded."""
    method: str
    request: Message
    outcome: Outcome
    response: Message | None = None
    error: str | None = None
    hint: str | None = None
    is_repaired: bool = False
    is_warm: bool = False
    """A started instance was waiting in the pool."""
    timings: Timings = field(default_factory=Timings)
    duration_ns: int = 0
    """From the request for an instance to the answer, real time; loading is not counted."""
    host_calls: tuple[HostCall, ...] = ()
    logs: tuple[LogLine, ...] = ()
    dropped_host_calls: int = 0
    dropped_logs: int = 0
    trap: TrapReport | None = None
    memory_bytes: int = 0
    """Linear memory of the instance when the call ended."""
    request_bytes: int = 0
    response_bytes: int = 0
    cause: str | None = None
    """What started the call: None for a person or script, else the timer or socket event."""

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.OK


_KEPT_TEXT = 16 * 1024


def cut_text(text: str) -> str:
    """A guest's text as it goes into results and events: at most 16 KiB characters, with a mark where it was cut."""
    if len(text) <= _KEPT_TEXT:
        return text
    return f"{text[:_KEPT_TEXT]}… ({len(text) - _KEPT_TEXT} more characters)"


def last_words(logs: Sequence[LogLine]) -> str | None:
    """The guest's panic or fatal-error text in its output, or None.

    Recognises what Go, TinyGo and Rust runtimes print before they trap; the newest match wins.
    """
    markers = ("panic:", "fatal error:", "runtime error:", "runtime: out of memory", "panicked at")
    for position in range(len(logs) - 1, -1, -1):
        text = logs[position].text
        if any(marker in text for marker in markers):
            follow = logs[position + 1].text if "panicked at" in text and position + 1 < len(logs) else ""
            return f"{text.strip()} {follow.strip()}".strip()
    return None
