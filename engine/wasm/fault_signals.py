"""Who gets the signals of a crash: wasmtime first, which traps guests by them, then Python's faulthandler."""

from __future__ import annotations

import faulthandler
import sys
import threading

_lock = threading.Lock()


def claim_fault_signals() -> None:
    """Enable faulthandler before wasmtime installs its own signal handlers: call this before making any engine.

    Enabled later it would take SIGSEGV away from wasmtime, and the next out-of-bounds access of a guest
    would end the process instead of trapping.
    """
    with _lock:
        if not faulthandler.is_enabled() and sys.__stderr__ is not None:
            try:
                faulthandler.enable(file=sys.__stderr__)
            except (ValueError, OSError):
                # No usable stderr (a closed descriptor): then nobody enables it later either.
                return
