"""Which texts may name a plugin: a name becomes a folder, so it must not lead anywhere else."""

from __future__ import annotations

import unicodedata

NAME_LIMIT_BYTES = 255
"""The longest file name that common file systems take."""


def is_folder_name(name: str) -> bool:
    """True when `name` names exactly one entry of a folder (spec behaviour section 2, name safety)."""
    return (
        bool(name.strip())
        and not name.startswith(".")
        and not any(character in "/\\" or unicodedata.category(character) in ("Cc", "Cs") for character in name)
        and len(name.encode(errors="replace")) <= NAME_LIMIT_BYTES
    )


def check_name_argument(name: str) -> str | None:
    """Why `name` cannot be given to a command that takes a plugin's name, or None (spec behaviour section 18).

    Wider than `is_folder_name`: a folder that was put there by hand may start with a dot.
    """
    if not name.strip():
        return "the plugin name is empty"
    if name in (".", ".."):
        return f"{name} is not a plugin name"
    if "/" in name or "\\" in name or "\0" in name:
        return "a plugin name has no slash or backslash"
    return None
