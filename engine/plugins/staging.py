"""Changing entries of a plugins folder so that a crash at any moment leaves the old version or the new one.

What is new is made in a hidden folder beside its place, then moved there; what was old goes the other way. Hidden
folders are never taken for plugins. Whatever an interrupted change left behind is settled by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.plugins.exchange import exchange
from engine.plugins.modes import FOLDER_MODE

_PREFIX: Final = ".workbench-change-"
_NEW: Final = "new"
_OLD: Final = "old"
_PLACE: Final = "place"
"""A file that says where the `old` beside it came from, while its place may be empty."""
_PLACE_BYTES: Final = 16 * 1024


@contextlib.contextmanager
def changing(root: Path) -> Iterator[Change]:
    """One change of the plugins folder `root`; others wait until it is over. Raises `OSError`.

    Settles what an interrupted change left before it begins; its own hidden folder is gone at the end.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Some network file systems know no such lock; a change is still safe there, only not two at a time.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        settle(root)
        work = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))  # of mode 0700
        try:
            yield Change(root, work)
        finally:
            _settle_one(root, work)
    finally:
        os.close(descriptor)


def settle(root: Path) -> None:
    """Finish or undo every interrupted change of `root`; nobody else may be changing it. Raises `OSError`."""
    with os.scandir(root) as entries:
        left = [
            entry.path for entry in entries if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False)
        ]
    for path in left:
        _settle_one(root, Path(path))


class Change:
    """A change under way: `new` is where the new entry is to be made."""

    def __init__(self, root: Path, work: Path) -> None:
        self._root = root
        self._work = work
        self.new = work / _NEW

    def make_folder(self) -> Path:
        """Create `new` as an empty folder of mode 0700."""
        self.new.mkdir(mode=FOLDER_MODE)
        return self.new

    def put(self, place: Path) -> None:
        """Move `new` to `place`, where nothing may be; raises `OSError`."""
        # A rename alone would replace an empty folder.
        if os.path.lexists(place):
            raise FileExistsError(f"{place} exists")
        os.rename(self.new, place)

    def replace(self, place: Path) -> None:
        """Let `new` take the place of what is there, in one step if the file system can; raises `OSError`."""
        if exchange(self.new, place):
            return  # what was old is in the work folder now and goes with it
        self._replace_in_two_steps(place)

    def take_away(self, place: Path) -> None:
        """Remove what is at `place`: out of sight in one step, then file by file. Raises `OSError`."""
        os.rename(place, self._work / _OLD)

    def _replace_in_two_steps(self, place: Path) -> None:
        old = self._work / _OLD
        (self._work / _PLACE).write_bytes(os.fsencode(place.relative_to(self._root)))
        os.rename(place, old)
        try:
            os.rename(self.new, place)
        except BaseException:
            os.rename(old, place)
            raise
        (self._work / _PLACE).unlink()


def _settle_one(root: Path, work: Path) -> None:
    """Put the old entry back if its place is empty, then delete the work folder.

    While the file `place` is there, the old entry is never deleted with its place empty.
    """
    note = work / _PLACE
    if note.is_file():
        with open(note, "rb") as stream:
            place = root / os.fsdecode(stream.read(_PLACE_BYTES))
        is_inside = ".." not in place.parts and place.is_relative_to(root) and place != root
        if is_inside and os.path.lexists(work / _OLD) and not os.path.lexists(place):
            os.rename(work / _OLD, place)
    _delete(work)


def _delete(folder: Path) -> None:
    """Delete a hidden folder as far as possible: the change is over, and the next one tries again."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                # A plugin that was put there by hand may have folders that even their owner cannot empty.
                with contextlib.suppress(OSError):
                    os.chmod(path, FOLDER_MODE)
    shutil.rmtree(folder, ignore_errors=True)
