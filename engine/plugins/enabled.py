"""Which plugins the user has switched off: remembered for each folder that was opened, in one private file.

Read again for every question, so that the command line and a running workbench agree. A file that is damaged
switches nothing off.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from engine.plugins.files import cause_text, read_limited
from engine.plugins.modes import FOLDER_MODE

DISABLED_FILE: Final = Path("workbench", "disabled.json")
"""Below the data folder."""

_VERSION: Final = 1
_FILE_BYTES: Final = 4 << 20
_MAX_FOLDERS: Final = 1_000
_MAX_NAMES: Final = 10_000

_Names = dict[str, list[str]]
"""Real folder to the names switched off there."""


class DisabledPlugins:
    """The names switched off in each folder. Any thread, any number of processes."""

    def __init__(self, path: Path, *, on_fault: Callable[[str], None] = lambda text: None) -> None:
        """`on_fault` is told when the file cannot be read or has another shape."""
        self._path = path
        self._on_fault = on_fault

    def names(self, folder: Path) -> frozenset[str]:
        """The plugins that are switched off in `folder`."""
        return frozenset(self._read().get(_key(folder), ()))

    def set_disabled(self, folder: Path, name: str, *, is_disabled: bool) -> None:
        """Remember that `name` is off in `folder`, or is not; raises `OSError` when that cannot be stored."""
        with self._locked():
            table = self._read()
            names = [other for other in table.pop(_key(folder), ()) if other != name]
            if is_disabled:
                names = [*names, name][-_MAX_NAMES:]
            if names:
                table[_key(folder)] = names
            self._write(dict(list(table.items())[-_MAX_FOLDERS:]))

    def _read(self) -> _Names:
        try:
            return _parse(json.loads(read_limited(self._path, _FILE_BYTES)))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            cause = cause_text(error) if isinstance(error, OSError) else str(error)
            self._on_fault(f"no plugin counts as disabled: {self._path}: {cause}")
            return {}

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else changes the file meanwhile; it is replaced, so the lock is on its folder."""
        self._path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Where a network file system cannot lock, the last one to write wins.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, table: Mapping[str, list[str]]) -> None:
        descriptor, temporary = tempfile.mkstemp(prefix=".disabled-", dir=self._path.parent)  # of mode 0600
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump({"version": _VERSION, "disabled": table}, file, indent=1)
            os.replace(temporary, self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _key(folder: Path) -> str:
    return os.path.realpath(folder)


def _parse(data: object) -> _Names:
    """Check the shape of the file's content; raises `ValueError`."""
    table = data.get("disabled") if isinstance(data, dict) and data.get("version") == _VERSION else None
    if not isinstance(table, dict):
        raise ValueError("it is not a list of disabled plugins of this version")
    for names in table.values():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("one of its entries is damaged")
    return table
