"""Telling network file systems from others."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.devloop.mounts import kind_at, network_folder, parse_mounts

TABLE = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /mnt/my\040share rw,relatime shared:9 - nfs4 server:/export rw
41 40 0:36 / /mnt/my\040share/local rw - tmpfs tmpfs rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/", "ext4"), ("/home/x", "ext4"), ("/mnt/my share/plugins", "nfs4"), ("/mnt/my share/local/x", "tmpfs")],
)
def test_a_folder_has_the_type_of_the_nearest_mount(folder: str, kind: str) -> None:
    assert kind_at(parse_mounts(TABLE), Path(folder)) == kind


def test_a_temporary_folder_of_this_machine_is_local(tmp_path: Path) -> None:
    assert network_folder([tmp_path]) is None
