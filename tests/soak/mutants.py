"""Real modules, damaged: bits flipped, cut short, sections or stretches of bytes swapped."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

_HEADER_BYTES: Final = 8
_MOST_FLIPS: Final = 8


def mutant(module: bytes, chance: random.Random) -> bytes:
    """One damaged copy; the eight bytes that make it a module are left alone."""
    change = chance.choice((_flip, _flip, _cut, _swap_sections, _swap_bytes))
    return change(module, chance)


def _flip(module: bytes, chance: random.Random) -> bytes:
    data = bytearray(module)
    for _ in range(chance.randint(1, _MOST_FLIPS)):
        data[chance.randrange(_HEADER_BYTES, len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _cut(module: bytes, chance: random.Random) -> bytes:
    return module[: chance.randrange(_HEADER_BYTES, len(module))]


def _swap_bytes(module: bytes, chance: random.Random) -> bytes:
    first, middle, last = sorted(chance.randrange(_HEADER_BYTES, len(module)) for _ in range(3))
    return module[:first] + module[middle:last] + module[first:middle] + module[last:]


def _swap_sections(module: bytes, chance: random.Random) -> bytes:
    parts = list(sections(module))
    first, second = (chance.randrange(len(parts)) for _ in range(2))
    parts[first], parts[second] = parts[second], parts[first]
    return module[:_HEADER_BYTES] + b"".join(parts)


def sections(module: bytes) -> Sequence[bytes]:
    """The sections of a well-formed module, each with its id and length in front."""
    found: list[bytes] = []
    at = _HEADER_BYTES
    while at < len(module):
        size, shift, cursor = 0, 0, at + 1
        while True:
            byte = module[cursor]
            cursor += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append(module[at : cursor + size])
        at = cursor + size
    return found
