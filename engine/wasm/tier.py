"""How much work the compiler put into the code of a module."""

from __future__ import annotations

from enum import StrEnum


class Tier(StrEnum):
    """A tier of compiled code; both answer the same, they differ in how long compiling and running take."""

    QUICK = "quick"
    """Ready soonest, runs 1.8 to 3.5 times slower; serves until the optimised code is there."""

    OPTIMISED = "optimised"
    """What a plugin runs with once the compiler had its time."""
