"""File modes: private folders, and a report of what others may reach."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from engine.plugins.modes import create_private_folder, open_to_others


def test_a_new_plugins_folder_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "plugins"
    create_private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    folder.chmod(0o755)
    create_private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plugins").write_text("x")
    with pytest.raises(FileExistsError):
        create_private_folder(tmp_path / "plugins")


def test_what_others_may_reach_is_reported(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    create_private_folder(plugins)
    for name in ("open", "closed"):
        (plugins / name).mkdir(mode=0o700)
        (plugins / name / "plugin.wasm").touch(0o600)
    assert open_to_others(plugins) == ()
    plugins.chmod(0o750)
    (plugins / "open").chmod(0o755)
    (plugins / "open" / "plugin.wasm").chmod(0o644)
    (plugins / "closed" / "plugin.wasm").chmod(0o644)
    (plugins / "link").symlink_to("/")
    assert open_to_others(plugins) == (plugins, plugins / "open", plugins / "open" / "plugin.wasm")
    assert open_to_others(tmp_path / "absent") == ()


def test_the_report_is_short(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for number in range(50):
        (tmp_path / f"{number}.txt").touch(0o644)
    assert len(open_to_others(tmp_path)) == 20
