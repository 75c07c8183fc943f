"""Where the sample plugins are, and a copy of them that may be edited and built.

In a checkout they are opened in place. An installed package holds their sources only; those are copied to a folder of
the user's, where edits stay: a file that the user changed is never written over, one that is missing comes back.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from engine.plugins.discovery import MODULE_NAME

_PACKAGED: Final = Path(__file__).resolve().parent.parent / "sample_plugins"
_CHECKOUT: Final = _PACKAGED.parent.parent / "sample_plugins"
_RECORD: Final = ".samples.json"
"""Beside the copies: the digest of each file as it was copied, by which an edited one is told from an old one."""


def sample_sources() -> Path:
    """The folder of the sample plugins as delivered; raises `FileNotFoundError` if they were not."""
    for folder in (_PACKAGED, _CHECKOUT):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("the sample plugins are not part of this installation; install navidrome-workbench again")


def samples_folder(data_folder: Path) -> Path:
    """A folder with the sample plugins in which they can be built: the checkout's own, else a copy in `data_folder`.

    Reads and writes files: not for the thread of a loop. Raises `OSError` when the copy cannot be made.
    """
    sources = sample_sources()
    if sources == _CHECKOUT and os.access(sources, os.W_OK):
        return sources
    target = data_folder / "samples"
    copy_samples(target, sources)
    return target


def copy_samples(target: Path, sources: Path) -> tuple[str, ...]:
    """Bring the samples of `sources` into `target`; gives the files written, relative and sorted.

    Writes what is missing, and what was copied earlier, is outdated and was not edited since. Built modules are not
    copied. Raises `OSError`; what was written until then stays, each file whole.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    record = _read_record(target / _RECORD)
    written: list[str] = []
    copied: dict[str, str] = dict(record)
    for source in _delivered(sources):
        name = source.relative_to(sources).as_posix()
        content = source.read_bytes()
        digest = _digest(content)
        present = _present_digest(target / name)
        if present is not None and present not in (digest, record.get(name)):
            continue
        if present != digest:
            _write(target / name, content)
            written.append(name)
        copied[name] = digest
    if copied != record:
        _write(target / _RECORD, json.dumps(copied, indent=1, sort_keys=True).encode())
    return tuple(sorted(written))


def _delivered(sources: Path) -> Iterator[Path]:
    """The files that make up the samples, sorted; nothing hidden and nothing built."""
    for folder, folders, files in os.walk(sources):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in sorted(files):
            if not name.startswith(".") and name != MODULE_NAME:
                yield Path(folder, name)


def _read_record(path: Path) -> Mapping[str, str]:
    """The record, or an empty one when it cannot be read: then no file counts as unedited."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {str(name): digest for name, digest in value.items() if isinstance(digest, str)}


def _present_digest(path: Path) -> str | None:
    try:
        return _digest(path.read_bytes())
    except FileNotFoundError:
        return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write a whole file or none, for its owner's eyes only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
