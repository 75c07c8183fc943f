"""Files that nobody else may have written: made private, refused otherwise."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.wasm.private_files import NotPrivate, check_folder, open_private, prepare_folder, unlink_opened, write_new

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def test_a_folder_is_made_private_and_one_that_was_open_is_closed(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    opened.mkdir()
    opened.chmod(0o755)
    for folder in (tmp_path / "above" / "new", opened):
        prepare_folder(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@needs_root
def test_what_belongs_to_another_user_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "file").write_bytes(b"x")
    os.chown(theirs, 12345, -1)
    os.chown(tmp_path / "file", 12345, -1)
    with pytest.raises(NotPrivate, match="another user"):
        prepare_folder(theirs)
    with pytest.raises(NotPrivate, match="another user"):
        check_folder(theirs)
    with pytest.raises(NotPrivate, match="another user"):
        open_private(tmp_path / "file")


def test_a_link_is_neither_followed_nor_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(NotPrivate, match="not a folder"):
        prepare_folder(tmp_path / "link")
    with pytest.raises(NotPrivate, match="a link"):
        open_private(tmp_path / "link")


def test_a_refused_file_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "file").chmod(0o622)
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with pytest.raises(NotPrivate, match="others can write"):
            open_private(tmp_path / "file")
    assert len(os.listdir("/dev/fd")) == before


def test_a_new_file_is_private_and_holds_the_data(tmp_path: Path) -> None:
    path = write_new(tmp_path, b"data")
    assert path.read_bytes() == b"data"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_took_the_place_of_the_opened_one_is_not_removed(tmp_path: Path) -> None:
    path = write_new(tmp_path, b"damaged")
    with path.open("rb") as damaged:
        os.replace(write_new(tmp_path, b"good"), path)
        unlink_opened(path, damaged.fileno())
        assert path.read_bytes() == b"good"
    with path.open("rb") as good:
        unlink_opened(path, good.fileno())
    assert not path.exists()
