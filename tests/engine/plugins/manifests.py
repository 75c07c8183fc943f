"""Manifest texts for the tests of everything that reads one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
"""Any JSON value, small."""


def manifest_value(**changes: Any) -> dict[str, Any]:
    """A valid manifest as a JSON value; a change to `...` takes the key out."""
    value: dict[str, Any] = {
        "name": "demo",
        "author": "An Author",
        "version": "1.0.0",
        "description": "A plugin for tests",
        "capabilities": ["MetadataAgent"],
        **changes,
    }
    return {key: member for key, member in value.items() if member is not ...}


def manifest_bytes(**changes: Any) -> bytes:
    """A valid manifest as a file's content, one key per line."""
    return json.dumps(manifest_value(**changes), indent=1).encode()


def write_plugin(folder: Path, *, module: bytes | None = b"\0asm", **changes: Any) -> Path:
    """Make a plugin folder; `module` None leaves the module out."""
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(manifest_bytes(**changes))
    if module is not None:
        (folder / "plugin.wasm").write_bytes(module)
    return folder
