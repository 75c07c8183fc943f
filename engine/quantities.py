"""Durations and sizes as Navidrome's configuration and its plugins write them."""

from __future__ import annotations

import re

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_DURATION_LIMIT_NS = 2**63 - 1
_TEXT_LIMIT = 200

_SIZE = re.compile(r"([0-9.,]+)\s*([A-Za-z]*)\s*")
_SIZE_UNITS = {"": 1, "b": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("kmgtpe", start=1)
    for suffix, base in (("", 1000), ("b", 1000), ("i", 1024), ("ib", 1024))
}
_SIZE_LIMIT_BYTES = 2**64


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as `1h30m`, `1.5s` or `-2ms`; raises `ValueError`.

    Units are ns, us, ms, s, m and h; a number without a unit is accepted for zero only.
    """
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits == "0":
        return 0
    total = position = 0
    while position < len(digits) and len(text) <= _TEXT_LIMIT:
        part = _DURATION_PART.match(digits, position)
        if part is None or not (part.group(1) or part.group(2)):
            break
        whole, fraction, unit = part.group(1), part.group(2) or "", _UNIT_NS[part.group(3)]
        total += int(whole or 0) * unit
        if fraction:
            total += int(fraction) * unit // 10 ** len(fraction)
        position = part.end()
    if not digits or position < len(digits) or total > _DURATION_LIMIT_NS:
        raise ValueError(f'"{text[:40]}" is not a duration such as 90s, 1h30m or 500ms')
    return -total if text.startswith("-") else total


def parse_size(text: str) -> int | None:
    """Bytes of a size such as `100MB`, `10 MiB`, `1.5g` or `1,000`; None when it cannot be read.

    K, KB = 1000 and Ki, KiB = 1024, up to E, in any case (spec behaviour section 14).
    """
    parts = _SIZE.fullmatch(text) if len(text) <= _TEXT_LIMIT else None
    if parts is None:
        return None
    unit = _SIZE_UNITS.get(parts.group(2).lower())
    number = parts.group(1).replace(",", "")
    if unit is None or number.count(".") > 1 or not number.strip("."):
        return None
    size = float(number) * unit
    return int(size) if size < _SIZE_LIMIT_BYTES else None
