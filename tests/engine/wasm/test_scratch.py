"""A process's corner of the cache folder: its own while it lives, removed by the next one when it is gone."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.wasm.scratch import Scratch, remove_abandoned

HOLDER = """
import sys
from pathlib import Path
from engine.wasm.scratch import Scratch
corner = Scratch(Path(sys.argv[1])).path()
(corner / "half").write_bytes(b"half of it")
print(corner, flush=True)
sys.stdin.read()
"""


def held_elsewhere(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process that has a corner of `folder` until it ends."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    )
    assert holder.stdout is not None
    return holder, Path(holder.stdout.readline().strip())


def test_the_corner_is_private_and_stays_the_same(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    corner = scratch.path()
    assert corner == scratch.path()
    assert corner.parent == tmp_path
    assert stat.S_IMODE(corner.stat().st_mode) == 0o700
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_a_corner_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.path().rmdir()
    assert scratch.path().is_dir()
    scratch.close()


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    descriptors = Path("/dev/fd")
    before = len(list(descriptors.iterdir()))
    scratch = Scratch(tmp_path)
    for _ in range(5):
        scratch.path().rmdir()
        remove_abandoned(tmp_path)
    scratch.close()
    assert len(list(descriptors.iterdir())) == before


def test_the_corner_of_a_living_process_stays_and_that_of_a_killed_one_goes(tmp_path: Path) -> None:
    holder, corner = held_elsewhere(tmp_path)
    with holder:
        remove_abandoned(tmp_path)
        assert (corner / "half").exists()
        holder.kill()
        holder.wait()
        remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_corner_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (tmp_path / "elsewhere" / "precious").mkdir(parents=True)
    folder.mkdir()
    (folder / ".scratch-link").symlink_to(tmp_path / "elsewhere")
    (folder / ".scratch-file").write_text("")
    (folder / "other").mkdir()
    remove_abandoned(folder)
    assert len(list(folder.iterdir())) == 3
    assert (tmp_path / "elsewhere" / "precious").exists()


def test_a_corner_with_links_in_it_is_removed_without_what_they_lead_to(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (tmp_path / "elsewhere" / "precious").mkdir(parents=True)
    corner = folder / ".scratch-old"
    corner.mkdir(parents=True)
    (corner / "link").symlink_to(tmp_path / "elsewhere")
    remove_abandoned(folder)
    assert list(folder.iterdir()) == []
    assert (tmp_path / "elsewhere" / "precious").exists()


def test_a_folder_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Scratch(tmp_path / "nowhere").path()
    with pytest.raises(FileNotFoundError):
        remove_abandoned(tmp_path / "nowhere")
