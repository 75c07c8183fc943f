"""Reading an .ndp package: a ZIP archive of a plugin, checked member by member before anything of it is used.

Sizes are counted from the bytes that really come out, never taken from the archive's headers (spec behaviour
section 17). Installing what was unpacked is `folder.py`'s affair, making a package `packing.py`'s.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from engine.errors import ManifestError, PackageError, Place
from engine.plugins.discovery import MODULE_NAME
from engine.plugins.files import cause_text, open_regular
from engine.plugins.manifest import MANIFEST_NAME, Manifest, parse_manifest
from engine.plugins.modes import FILE_MODE, FOLDER_MODE

MEMBER_LIMIT_BYTES = 10 * 1024 * 1024
TOTAL_LIMIT_BYTES = 64 * 1024 * 1024
MEMBER_LIMIT = 1000
ARCHIVE_LIMIT_BYTES = TOTAL_LIMIT_BYTES + 1024 * 1024
"""An archive is hardly larger than what it holds."""

_SEGMENT_LIMIT_BYTES = 255
_DIRECTORY_LIMIT_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_DRIVE = re.compile(r"[A-Za-z]:")
_END_RECORD = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_COMMENT_LIMIT_BYTES = 0xFFFF
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageMember:
    """One file of a package."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that may be installed: every rule was checked against its content."""

    file: Path
    manifest: Manifest
    members: tuple[PackageMember, ...]
    """The files, in the archive's order; folder entries are left out."""
    size_bytes: int
    sha256: str
    """Of the archive."""
    modified_ns: int
    """Modification time of the archive, since the Unix epoch."""


def open_package(file: Path) -> Package:
    """Check the whole package at `file`; raises `PackageError`."""
    return _placed(file, _measure)


def unpack_package(file: Path, folder: Path) -> Package:
    """Check the whole package at `file` and write its files below `folder`, an empty one that nobody else knows.

    What is checked is what is written, byte by byte. Folders get mode 0700, files 0600, whatever the archive says.
    Raises `PackageError`, and `OSError` when something cannot be written; half of the files may lie there then.
    """
    return _placed(file, lambda name, chunks: _write(folder, name, chunks))


_Store = Callable[[str, Iterable[bytes]], int]
"""Takes the name and the content of a member, and answers how many bytes came out."""


class _WriteFailed(Exception):
    """Carries an `OSError` of writing past those of reading."""

    def __init__(self, cause: OSError) -> None:
        super().__init__()
        self.cause = cause


def _placed(file: Path, store: _Store) -> Package:
    try:
        return _package(file, store)
    except _WriteFailed as failed:
        raise failed.cause from None
    except OSError as error:
        failure = _unreadable(cause_text(error))
        failure.place = Place(file=file)
        raise failure from error
    except PackageError as error:
        error.place = Place(file=file)
        raise


def check_member_name(name: str) -> None:
    """Raise `PackageError` for a member name that may lead out of the folder or that some system reads otherwise.

    A folder entry ends in `/`.
    """
    segments = name.removesuffix("/").split("/")
    is_legal = (
        ".." not in name
        and "\\" not in name
        and not _DRIVE.match(name)
        and all(segment not in ("", ".") for segment in segments)
        and all(len(segment.encode(errors="replace")) <= _SEGMENT_LIMIT_BYTES for segment in segments)
        and not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)
    )
    if not is_legal:
        raise _illegal(name)


def too_large(name: str) -> PackageError:
    """What a member of more than `MEMBER_LIMIT_BYTES` is refused with."""
    return PackageError(
        f"error extracting file: size exceeds limit ({MEMBER_LIMIT_BYTES} bytes) for {name}",
        hint="Leave large files out of the package.",
    )


def _package(file: Path, store: _Store) -> Package:
    with open_regular(file) as stream:
        status = os.fstat(stream.fileno())
        if status.st_size > ARCHIVE_LIMIT_BYTES:
            raise _unreadable(f"larger than {ARCHIVE_LIMIT_BYTES} bytes")
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        with _archive(stream) as archive:
            manifest, members = _checked(archive, store)
    return Package(
        file=file,
        manifest=manifest,
        members=members,
        size_bytes=status.st_size,
        sha256=digest,
        modified_ns=status.st_mtime_ns,
    )


def _checked(archive: zipfile.ZipFile, store: _Store) -> tuple[Manifest, tuple[PackageMember, ...]]:
    """Every rule, in the order in which Navidrome reports them."""
    infos = archive.infolist()
    if len(infos) > MEMBER_LIMIT:
        raise _too_many()
    by_name = {info.orig_filename: info for info in infos}
    for required in (MANIFEST_NAME, MODULE_NAME):
        if required not in by_name:
            raise _missing(required, by_name)
    for info in infos:
        _check_member(info)
    _check_names(infos)
    manifest = _manifest(archive, by_name[MANIFEST_NAME])
    members = []
    total = 0
    for info in infos:
        size = store(info.orig_filename, _content(archive, info, TOTAL_LIMIT_BYTES - total))
        total += size
        if not info.orig_filename.endswith("/"):
            members.append(PackageMember(name=info.orig_filename, size_bytes=size))
    return manifest, tuple(members)


def _measure(_name: str, chunks: Iterable[bytes]) -> int:
    return sum(map(len, chunks))


def _write(folder: Path, name: str, chunks: Iterable[bytes]) -> int:
    """Write one member whose name was checked; its folders are made as needed."""
    target = folder / name
    parent = target if name.endswith("/") else target.parent
    try:
        _make_folders(folder, parent)
        if name.endswith("/"):
            return _measure(name, chunks)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(target, flags, FILE_MODE)
        with open(descriptor, "wb") as stream:
            size = sum(map(stream.write, chunks))
            stream.flush()
            # A crash of the machine right after the rename must not leave empty files behind.
            os.fsync(descriptor)
            return size
    except OSError as error:
        raise _WriteFailed(error) from error


def _make_folders(base: Path, folder: Path) -> None:
    """Make `folder` and what is missing above it, up to `base`; `mkdir`'s own parents would be open to others."""
    missing = []
    while folder != base and not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(mode=FOLDER_MODE)


def _check_member(info: zipfile.ZipInfo) -> None:
    """What one entry of the central directory says about itself."""
    name = info.orig_filename
    check_member_name(name)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if name.endswith("/") else stat.S_IFREG):
        raise PackageError(
            f"illegal file type in plugin package: {name}",
            hint="A package holds plain files and folders; replace links by what they point to.",
        )
    if info.flag_bits & _ENCRYPTED:
        raise PackageError(f"encrypted file in plugin package: {name}", hint="Pack it without a password.")
    if info.compress_type not in _METHODS:
        raise PackageError(
            f"unknown compression in plugin package: {name}", hint="Pack with plain ZIP compression (deflate)."
        )


def _check_names(infos: Sequence[zipfile.ZipInfo]) -> None:
    """No two members may meet in one file on any system, and no file may be needed as a folder."""
    names: set[str] = set()
    files: set[str] = set()
    for info in infos:
        name = info.orig_filename
        folded = unicodedata.normalize("NFC", name.casefold()).removesuffix("/")
        if folded in names:
            raise PackageError(
                f"duplicate file in plugin package: {name}",
                hint="Names that differ only in case are the same file on some systems.",
            )
        names.add(folded)
        if not name.endswith("/"):
            files.add(folded)
    for info in infos:
        folded = unicodedata.normalize("NFC", info.orig_filename.casefold()).removesuffix("/")
        parts = folded.split("/")
        if any("/".join(parts[:length]) in files for length in range(1, len(parts))):
            raise _illegal(info.orig_filename)


def _manifest(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Manifest:
    data = b"".join(_content(archive, info, TOTAL_LIMIT_BYTES))
    try:
        return parse_manifest(data)
    except ManifestError as error:
        place = "" if error.place is None or error.place.line is None else f" (line {error.place.line})"
        raise PackageError(f"{error.summary}{place}", hint=error.hint) from error


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, left_bytes: int) -> Iterator[bytes]:
    """The bytes of one member, as they come out; raises `PackageError` at either limit and for damaged data."""
    name = info.orig_filename
    size = 0
    try:
        with archive.open(info) as member:
            while chunk := member.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > MEMBER_LIMIT_BYTES:
                    raise too_large(name)
                if size > left_bytes:
                    raise PackageError(
                        f"error extracting file: total size exceeds limit ({TOTAL_LIMIT_BYTES} bytes) at {name}",
                        hint="Leave large files out of the package.",
                    )
                yield chunk
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        raise PackageError(f"error extracting file: {name}: {error}", hint="The archive is damaged.") from error


def _archive(stream: BufferedReader) -> zipfile.ZipFile:
    """The archive, after a look at its end record: reading a directory of a million members takes memory and time."""
    _check_directory(stream)
    try:
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise _unreadable(f"not a valid zip file: {error}") from error


def _check_directory(stream: BufferedReader) -> None:
    size = stream.seek(0, os.SEEK_END)
    tail_bytes = min(size, _COMMENT_LIMIT_BYTES + _END_RECORD.size + _ZIP64_LOCATOR_BYTES)
    stream.seek(size - tail_bytes)
    tail = stream.read(tail_bytes)
    end = tail.rfind(_END_MARK)
    if end < 0 or len(tail) - end < _END_RECORD.size:
        raise _unreadable("not a valid zip file")
    _, _, _, _, member_count, directory_bytes, _, _ = _END_RECORD.unpack_from(tail, end)
    if tail[max(0, end - _ZIP64_LOCATOR_BYTES) : end].startswith(_ZIP64_LOCATOR) or member_count > MEMBER_LIMIT:
        raise _too_many()
    if directory_bytes > _DIRECTORY_LIMIT_BYTES:
        raise _unreadable("its directory is too large")


def _missing(required: str, names: dict[str, zipfile.ZipInfo]) -> PackageError:
    other = next((name for name in names if name.rpartition("/")[2].lower() == required), None)
    hint = "Pack it at the top level of the archive."
    if other is not None:
        hint = f"The archive has {other}: pack it as {required} at the top level."
    return PackageError(f"plugin package missing required {required}", hint=hint)


def _too_many() -> PackageError:
    return PackageError(
        f"too many files in plugin package: the limit is {MEMBER_LIMIT}",
        hint="Leave out what the plugin does not need.",
    )


def _illegal(name: str) -> PackageError:
    return PackageError(
        f"illegal file path in plugin package: {name}",
        hint="Names must be relative, with forward slashes and without empty, dot or double-dot parts.",
    )


def _unreadable(cause: str) -> PackageError:
    return PackageError(
        f"error opening .ndp file: {cause}", hint="Name a plugin package, a ZIP archive with the extension .ndp."
    )
