"""Ids that the host makes for a plugin that gave none (spec behaviour sections 7 and 8)."""

from __future__ import annotations

import secrets
import string
from typing import Final

_ALPHABET: Final = string.ascii_letters + string.digits + "_-"
_LENGTH: Final = 10


def random_id() -> str:
    """Ten characters of `A-Z a-z 0-9 _ -`."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
