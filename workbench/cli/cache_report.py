"""What the `cache` commands say, as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from engine.wasm.cache_entry import CacheEntry
from workbench.inert import display_text
from workbench.trace.wording import count_text, date_text, duration_text, size_text

HASH_DIGITS: Final = 12
"""How much of a module's hash is shown: enough to name it to `cache purge`."""

_COLUMNS: Final = ("PLUGIN", "TIER", "CODE", "MODULE", "COMPILED IN", "HITS", "LAST USED", "HASH", "")
_TO_THE_RIGHT: Final = frozenset({"CODE", "MODULE", "COMPILED IN", "HITS"})
_UNKNOWN: Final = "-"


def lines(folder: Path, entries: Sequence[CacheEntry], *, fingerprint: str, limit_bytes: int | None) -> Iterator[str]:
    """A header and a row for each entry, then the total; entries that this compiler cannot load are marked."""
    if not entries:
        yield f"no compiled code in {_shown(folder)}"
        return
    version = fingerprint.split("-")[1]
    rows = [_COLUMNS, *(_row(entry, version) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        cells = [
            f"{cell:>{width}}" if title in _TO_THE_RIGHT else f"{cell:<{width}}"
            for title, cell, width in zip(_COLUMNS, row, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()
    limit = f"the limit is {size_text(limit_bytes)}" if limit_bytes else "without a limit"
    yield f"{_total(entries)} in {_shown(folder)}; {limit}"


def _row(entry: CacheEntry, version: str) -> tuple[str, ...]:
    return (
        _UNKNOWN if entry.plugin is None else _shown(entry.plugin),
        entry.tier,
        size_text(entry.code_bytes),
        _UNKNOWN if entry.module_bytes is None else size_text(entry.module_bytes),
        _UNKNOWN if entry.compile_ns is None else duration_text(entry.compile_ns),
        str(entry.hits),
        date_text(entry.last_used_ns),
        entry.module_sha256[:HASH_DIGITS],
        "" if entry.is_current else _staleness(entry, version),
    )


def _staleness(entry: CacheEntry, version: str) -> str:
    """Why this compiler cannot load an entry."""
    is_other_version = entry.wasmtime_version != version
    return f"stale: wasmtime {entry.wasmtime_version}" if is_other_version else "stale: another configuration"


def as_json(folder: Path, entries: Sequence[CacheEntry], *, limit_bytes: int | None) -> dict[str, object]:
    """What `cache list --json` prints; times in nanoseconds since the epoch, null for what is not known any more."""
    return {
        "folder": str(folder),
        "code_bytes": _sum(entries),
        "limit_bytes": limit_bytes or None,
        "entries": [_entry_as_json(entry) for entry in entries],
    }


def purged_lines(folder: Path, removed: Sequence[CacheEntry]) -> Iterator[str]:
    """A line for every entry that is gone, then what that freed."""
    for entry in removed:
        name = _shown(entry.plugin or entry.module_sha256[:HASH_DIGITS])
        yield f"{name}: {entry.tier} code removed, {size_text(entry.code_bytes)}"
    yield f"{_total(removed)} freed in {_shown(folder)}"


def purged_as_json(removed: Sequence[CacheEntry]) -> dict[str, object]:
    """What `cache purge --json` prints."""
    return {"freed_bytes": _sum(removed), "removed": [_entry_as_json(entry) for entry in removed]}


def _entry_as_json(entry: CacheEntry) -> dict[str, object]:
    return {
        "plugin": entry.plugin,
        "module_sha256": entry.module_sha256,
        "tier": entry.tier,
        "wasmtime_version": entry.wasmtime_version,
        "current": entry.is_current,
        "code_bytes": entry.code_bytes,
        "module_bytes": entry.module_bytes,
        "compile_ns": entry.compile_ns,
        "hits": entry.hits,
        "last_used_ns": entry.last_used_ns,
        "created_ns": entry.created_ns,
        "path": str(entry.path),
    }


def _total(entries: Sequence[CacheEntry]) -> str:
    return f"{count_text(len(entries), 'entry', 'entries')}, {size_text(_sum(entries))}"


def _sum(entries: Sequence[CacheEntry]) -> int:
    return sum(entry.code_bytes for entry in entries)


def _shown(text: object) -> str:
    return display_text(str(text), limit=200)
