"""Packages for tests: archives in memory and on disk."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from tests.engine.plugins.manifests import manifest_bytes

MODULE = b"\0asm\x01\0\0\0"


def archive_bytes(members: dict[str, bytes]) -> bytes:
    """A ZIP archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members.items():
            package.writestr(name, content)
    return buffer.getvalue()


def write_package(
    file: Path, *, module: bytes = MODULE, others: dict[str, bytes] | None = None, **changes: Any
) -> Path:
    """Write a package of the plugin `demo`; `changes` are members of its manifest."""
    members = {"manifest.json": manifest_bytes(**changes), "plugin.wasm": module, **(others or {})}
    file.write_bytes(archive_bytes(members))
    return file
