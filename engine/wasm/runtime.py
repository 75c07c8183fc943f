"""The wasmtime engine of one `Engine`: its configuration, its fingerprint, and the epoch that interrupts guests.

One `Runtime` per `Engine`; stores, modules and linkers of two runtimes never meet (that aborts the process).
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

import wasmtime

from engine.wasm import selftest
from engine.wasm.fault_signals import claim_fault_signals
from engine.wasm.paths import CallPathName

_FEATURES_OFF: Final = (
    # A guest that waits on an atomic, or shares memory, cannot be interrupted or accounted for; the others add
    # heaps and memories that the store limits below do not count. No plugin toolchain of the field needs them.
    "wasm_threads",
    "wasm_memory64",
    "wasm_multi_memory",
    "wasm_function_references",
    "wasm_gc",
    "wasm_exceptions",
    "wasm_stack_switching",
    "wasm_custom_page_sizes",
)

ENGINE_SETTINGS: Final[Mapping[str, bool]] = {"epoch_interruption": True, **dict.fromkeys(_FEATURES_OFF, False)}
"""Properties of `wasmtime.Config` that compiled code must agree on with the engine that loads it."""


def compiler_fingerprint() -> str:
    """Names the compiler's full version, its configuration and the machine that it compiles for; makes no engine."""
    settings = {"engine": dict(ENGINE_SETTINGS), "platform": sys.platform, "machine": platform.machine()}
    return f"wasmtime-{version('wasmtime')}-{_short_hash(json.dumps(settings, sort_keys=True))}"


class Runtime:
    """Configuration and engine, shared by every module and store; safe from any thread."""

    def __init__(self, call_path: CallPathName | None = None) -> None:
        """`call_path` forces a way into guests; None takes the best that works here."""
        claim_fault_signals()
        self._engine = self.new_engine()
        self._fingerprint = compiler_fingerprint()
        chosen = selftest.choose(call_path)
        self.path = chosen.path
        """The way into guests."""
        self.path_fault = chosen.fault
        """Why that is not the fast way, when nobody chose the other."""

    @property
    def engine(self) -> wasmtime.Engine:
        return self._engine

    def new_engine(self) -> wasmtime.Engine:
        """Another engine of the same configuration: it runs the same compiled code."""
        config = wasmtime.Config()
        # The switches are write-only properties, so a plain loop has to go through setattr.
        for name, value in ENGINE_SETTINGS.items():
            setattr(config, name, value)
        return wasmtime.Engine(config)

    @property
    def fingerprint(self) -> str:
        """Names the compiler version and configuration; part of the compile cache's key."""
        return self._fingerprint

    def interrupt(self) -> None:
        """Make every running store ask its scope whether to go on; cheap, from any thread."""
        self.path.interrupt(self)

    def close(self) -> None:
        """Release the engine; every store must be closed or dropped before."""
        self._engine.close()


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
