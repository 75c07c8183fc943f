"""File modes of the plugins folder: made private, and reported where somebody else may get in (spec behaviour 19)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_OTHERS = 0o077
_LOOKED_AT_LIMIT = 10_000
_REPORT_LIMIT = 20


def create_private_folder(folder: Path) -> None:
    """Make `folder`, open to its owner only; parents get the usual mode, an existing folder is left as it is.

    Raises `OSError`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        if not folder.is_dir():
            raise


def open_to_others(folder: Path) -> tuple[Path, ...]:
    """The first files and folders at or below `folder` that group or others may read, write or enter.

    Below a folder that is closed to others nothing can be reached, so nothing is reported there. Links are not
    followed. At most 20 paths; what cannot be read is passed over.
    """
    found: list[Path] = []
    open_folders = [folder]
    looked_at = 0
    while open_folders and len(found) < _REPORT_LIMIT and looked_at < _LOOKED_AT_LIMIT:
        current = open_folders.pop()
        try:
            if not _is_open(current.lstat()):
                continue
            found.append(current)
            with os.scandir(current) as entries:
                for entry in entries:
                    looked_at += 1
                    if entry.is_dir(follow_symlinks=False):
                        open_folders.append(Path(entry.path))
                    elif not entry.is_symlink() and _is_open(entry.stat(follow_symlinks=False)):
                        found.append(Path(entry.path))
        except OSError:
            continue
    return tuple(sorted(found)[:_REPORT_LIMIT])


def _is_open(status: os.stat_result) -> bool:
    return bool(stat.S_IMODE(status.st_mode) & _OTHERS)
