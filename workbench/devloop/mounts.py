"""Whether a folder lies on a file system that reports no changes made by other machines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
# fmt: off
_NETWORK_TYPES: Final = frozenset({
    "9p", "afs", "ceph", "cifs", "coda", "drvfs", "fakeowner", "fuse.glusterfs", "fuse.grpcfuse", "fuse.rclone",
    "fuse.s3fs", "fuse.smbnetfs", "fuse.sshfs", "fuse.vmhgfs-fuse", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4",
    "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
})
# fmt: on
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def network_folder(folders: Iterable[Path]) -> tuple[Path, str] | None:
    """The first folder on a network file system, and the kind of that; None where there is no such list (not Linux)."""
    try:
        table = parse_mounts(_MOUNTS.read_text(errors="surrogateescape"))
    except OSError:
        return None
    for folder in folders:
        kind = kind_at(table, folder)
        if kind in _NETWORK_TYPES:
            return folder, kind
    return None


def parse_mounts(text: str) -> dict[Path, str]:
    """Mount points and their file system types from the text of mountinfo (proc(5)); the last mount wins."""
    table: dict[Path, str] = {}
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if separator and len(fields) > 4:
            point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4])
            table[Path(point)] = after.split(" ")[0]
    return table


def kind_at(table: dict[Path, str], folder: Path) -> str:
    """The file system type of the mount that `folder` lies on; empty when unknown."""
    return next((table[place] for place in (folder, *folder.parents) if place in table), "")
