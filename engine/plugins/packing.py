"""Making an .ndp package of a plugin's folder: the same files give the same bytes, whenever and wherever.

What goes in is the module, the manifest and the documentation; sources stay at home unless they are asked for.
"""

from __future__ import annotations

import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from engine.errors import PackageError, Place
from engine.plugins.discovery import MODULE_NAME
from engine.plugins.files import FileTooLarge, cause_text, read_limited
from engine.plugins.manifest import MANIFEST_NAME
from engine.plugins.package import MEMBER_LIMIT, MEMBER_LIMIT_BYTES, Package, open_package, too_large

PACKAGE_SUFFIX: Final = ".ndp"
DOCUMENTATION: Final = ("readme*", "license*", "licence*", "copying*", "notice*", "changelog*", "docs/*")
"""Patterns, in any case, of what is packed beside manifest and module."""

_REQUIRED: Final = (MANIFEST_NAME, MODULE_NAME)
_OLDEST_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_FILES_LOOKED_AT: Final = 100_000
"""In case somebody packs a home folder."""


def pack(folder: Path, target: Path, *, include: Sequence[str] = ()) -> Package:
    """Write the plugin in `folder` to the package `target`, which appears whole or not at all.

    `include` are patterns of further files, relative to the folder, where `*` also stands for slashes. An existing
    package is replaced. Names, times, modes and order depend on nothing but the files' names and contents. Raises
    `PackageError` for what no package may be, with the same texts that `install` would have.
    """
    try:
        names = _names(folder, include)
        descriptor, temporary = tempfile.mkstemp(prefix=".packing-", suffix=PACKAGE_SUFFIX, dir=target.parent)
        try:
            with open(descriptor, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in names:
                    archive.writestr(_entry(name), _content(folder, name), compresslevel=9)
            package = open_package(Path(temporary))
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise PackageError(
            f"cannot write {target}: {cause_text(error)}",
            hint="Name a file in a folder that you may write to.",
            place=Place(file=target),
        ) from error
    except PackageError as error:
        error.place = Place(file=folder)  # not the temporary file, which is gone
        raise
    return replace(package, file=target)


def _names(folder: Path, include: Sequence[str]) -> list[str]:
    """What is packed: manifest and module first, then the rest by name."""
    found = [name for name in _files(folder) if _is_wanted(name, include)]
    if len(found) > MEMBER_LIMIT:
        raise PackageError(
            f"too many files in plugin package: the limit is {MEMBER_LIMIT}", hint="Include fewer files."
        )
    rest = sorted((name for name in found if name not in _REQUIRED), key=lambda name: name.encode(errors="replace"))
    return [*(name for name in _REQUIRED if name in found), *rest]


def _is_wanted(name: str, include: Sequence[str]) -> bool:
    if name in _REQUIRED:
        return True
    folded = name.lower()
    is_document = any(fnmatchcase(folded, pattern) for pattern in DOCUMENTATION if "/" in pattern or "/" not in folded)
    return is_document or any(fnmatchcase(name, pattern) for pattern in include)


def _files(folder: Path) -> Iterator[str]:
    """Every file below `folder` by its name in a package; what is hidden, and other packages, are left out."""
    looked_at = 0
    for parent, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        looked_at += len(files) + len(folders)
        if looked_at > _FILES_LOOKED_AT:
            raise PackageError(
                f"too many files to look through: the limit is {_FILES_LOOKED_AT}", hint="Name the plugin's own folder."
            )
        for name in files:
            if not name.startswith(".") and not name.endswith(PACKAGE_SUFFIX):
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _raise(error: OSError) -> None:
    raise PackageError(
        f"cannot look through the plugin's folder: {cause_text(error)}",
        hint="Name a plugin's folder that you may read.",
    ) from error


def _content(folder: Path, name: str) -> bytes:
    """The bytes of one file; raises `PackageError`. A link may not bring in what lies elsewhere."""
    path = folder / name
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise PackageError(
            f"illegal file type in plugin package: {name}",
            hint="It is a link out of the plugin's folder; replace it by what it points to.",
        )
    try:
        return read_limited(path, MEMBER_LIMIT_BYTES)
    except FileTooLarge as error:
        raise too_large(name) from error
    except OSError as error:
        raise PackageError(f"cannot read {name}: {cause_text(error)}", hint="Make it a readable file.") from error


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=_OLDEST_ZIP_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = _UNIX
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info
