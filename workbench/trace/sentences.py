"""What every sentence about an event has: a level, and perhaps a hint at its end."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias


class Level(StrEnum):
    """How much an event matters."""

    DEBUG = "debug"
    """Happens with every call; the trace shows it better."""
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Words: TypeAlias = tuple[Level, str]
"""How much an event matters, and what happened; foreign text as it is."""


def with_hint(text: str, hint: str | None) -> str:
    """What happened, and what to do about it."""
    return f"{text} — {hint}" if hint else text
