"""The wasmtime engine of one `Engine`: its configuration, its fingerprint, and the epoch that interrupts guests.

One `Runtime` per `Engine`; stores, modules and linkers of two runtimes never meet (that aborts the process).
"""

from __future__ import annotations

import faulthandler
import hashlib
import json
import sys
import threading
from importlib.metadata import version
from typing import Final

import wasmtime

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


class Runtime:
    """Configuration and engine, shared by every module and store; safe from any thread."""

    def __init__(self) -> None:
        _claim_fault_signals()
        config = wasmtime.Config()
        config.epoch_interruption = True
        # The switches are write-only properties, so a plain loop has to go through setattr.
        for feature in _FEATURES_OFF:
            setattr(config, feature, False)
        self._engine = wasmtime.Engine(config)
        settings = {"epochs": True, "off": _FEATURES_OFF, "platform": sys.platform}
        self._fingerprint = f"wasmtime-{version('wasmtime')}-{_short_hash(json.dumps(settings, sort_keys=True))}"

    @property
    def engine(self) -> wasmtime.Engine:
        return self._engine

    @property
    def fingerprint(self) -> str:
        """Names the compiler version and configuration; part of the compile cache's key."""
        return self._fingerprint

    def interrupt(self) -> None:
        """Make every running store ask its scope whether to go on; cheap, from any thread."""
        self._engine.increment_epoch()

    def close(self) -> None:
        """Release the engine; every store must be closed or dropped before."""
        self._engine.close()


_fault_lock = threading.Lock()


def _claim_fault_signals() -> None:
    """Enable faulthandler before wasmtime installs its own signal handlers.

    Enabled later it would take SIGSEGV away from wasmtime, and the next out-of-bounds access of a guest
    would end the process instead of trapping.
    """
    with _fault_lock:
        if not faulthandler.is_enabled() and sys.__stderr__ is not None:
            try:
                faulthandler.enable(file=sys.__stderr__)
            except (ValueError, OSError):
                # No usable stderr (a closed descriptor): then nobody enables it later either.
                return


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
