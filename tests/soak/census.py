"""What a process holds that could leak: threads, descriptors, child processes, guests."""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.wasm.paths import CallPath

_DESCRIPTORS: Final = Path("/proc/self/fd")
_LOOP_THREADS: Final = "asyncio_"
"""Threads of the event loop's own pool; they stay until the loop goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The counts at one moment; descriptors are 0 where the system does not list them."""

    threads: int
    descriptors: int
    guests: int

    @classmethod
    def take(cls, path: CallPath) -> Census:
        """Count now; `path` is how guests are called."""
        gc.collect()
        return cls(
            threads=sum(not thread.name.startswith(_LOOP_THREADS) for thread in threading.enumerate()),
            descriptors=len(os.listdir(_DESCRIPTORS)) if _DESCRIPTORS.exists() else 0,
            guests=path.live_stores(),
        )

    def gained_over(self, before: Census) -> list[str]:
        """What there is more of than before, in words."""
        gains = {
            "threads": self.threads - before.threads,
            "descriptors": self.descriptors - before.descriptors,
            "guests": self.guests - before.guests,
        }
        return [f"{count} {what} were left behind" for what, count in gains.items() if count > 0]
