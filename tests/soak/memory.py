"""How much memory this process holds over a run, and whether that stays flat."""

from __future__ import annotations

import gc
import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

GROWTH_LIMIT_BYTES: Final = 12 * 1024 * 1024
"""What a run may gain after its warm-up: allocators breathe, and 10 000 lost objects of 1 KiB would not fit in it."""
_WARM_UP: Final = 0.2
"""The part of a run in which spares, threads and caches come to be."""
_STATM: Final = Path("/proc/self/statm")


def resident_bytes() -> int:
    """What the process holds now; where the system does not tell, the most that it ever held."""
    gc.collect()
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@dataclass(slots=True)
class MemoryCurve:
    """Samples over one run, each at the part of it that was done."""

    samples: list[tuple[float, int]] = field(default_factory=list)

    def take(self, done: float) -> None:
        """Take a sample; `done` goes from 0 to 1."""
        self.samples.append((done, resident_bytes()))

    @property
    def warm_bytes(self) -> int:
        """The most that was held in the warm-up."""
        return max(size for done, size in self.samples if done <= _WARM_UP)

    @property
    def end_bytes(self) -> int:
        """What was held at the end."""
        return self.samples[-1][1]

    @property
    def growth_bytes(self) -> int:
        """What was gained after the warm-up; negative when memory was given back."""
        return self.end_bytes - self.warm_bytes
