"""Plugin folders for the benchmarks: copies under other names, and modules that differ without doing anything else."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.plugins.discovery import MODULE_NAME
from engine.plugins.manifest import MANIFEST_NAME

GUEST: Final = "bench-guest"
_SECTION: Final = b"benchmark"


def variant(module: bytes, number: int) -> bytes:
    """The module with a custom section at its end: other bytes, the same program."""
    content = bytes([len(_SECTION)]) + _SECTION + number.to_bytes(8, "big")
    return module + bytes([0, len(content)]) + content


def copy_plugin(source: Path, target: Path, *, number: int) -> Path:
    """A plugin's manifest and module, alone, named after the folder `target` and different from every other copy."""
    target.mkdir(parents=True)
    manifest = json.loads((source / MANIFEST_NAME).read_bytes())
    (target / MANIFEST_NAME).write_text(json.dumps(manifest | {"name": target.name}))
    (target / MODULE_NAME).write_bytes(variant((source / MODULE_NAME).read_bytes(), number))
    return target


def copies(sources: Sequence[Path], target: Path, *, count: int) -> list[Path]:
    """So many plugins, made of `sources` in turn; no two have the same module."""
    return [
        copy_plugin(sources[number % len(sources)], target / f"plugin-{number:02}", number=number)
        for number in range(count)
    ]


def save(module: Path, data: bytes) -> None:
    """Replace a module as a build does: in one step, so that it is never seen half written."""
    fresh = module.with_name(".fresh")
    fresh.write_bytes(data)
    os.replace(fresh, module)


def write_guest_manifest(folder: Path) -> None:
    """What the guest needs beside its module."""
    manifest = {
        "name": GUEST,
        "author": "Navidrome Plugin Workbench",
        "version": "1.0.0",
        "description": "Does next to nothing, for the benchmarks",
        "website": "https://example.org/bench-guest",
        "capabilities": ["MetadataAgent"],
        "permissions": {"cache": {"reason": "To look into it many times"}},
    }
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
