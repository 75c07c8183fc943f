"""The picture of the folders agrees with the engine's own discovery and changes when it must."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.plugins.discovery import discover_all
from tests.engine.harness import manifest_of
from workbench.devloop.outline import take_picture

ENDLESS = Path("/proc/self/pagemap")
"""A regular file of size 0 that can be read for a very long time."""


def _plugin(folder: Path, name: str | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest_of(name or folder.name)))
    (folder / "plugin.wasm").write_bytes(b"\0asm\x01\0\0\0")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with plugins of every kind."""
    root = tmp_path / "plugins"
    _plugin(root / "one")
    _plugin(root / "group" / "deeper" / "two")
    _plugin(root / "one" / "inside")
    _plugin(root / ".hidden")
    (root / "a-file").write_text("")
    (root / "empty").mkdir()
    (root / "broken").symlink_to(tmp_path / "missing")
    (root / "dev").symlink_to(_plugin(tmp_path / "elsewhere" / "linked"))
    (root / "group" / "loop").symlink_to(root)
    return root


def test_the_entries_are_those_that_discovery_reads(root: Path) -> None:
    picture = take_picture([root])
    found = {plugin.entry: plugin for plugin in discover_all([root]) if plugin.manifest is not None}
    assert {entry.path: entry.name for entry in picture.entries} == {
        path: plugin.folder for path, plugin in found.items()
    }
    assert all(os.path.realpath(found[entry.path].path) == str(entry.folder) for entry in picture.entries)


def test_a_root_may_be_a_plugin_itself(root: Path) -> None:
    (entry,) = take_picture([root / "one"]).entries
    assert (entry.path, entry.name) == (root / "one", "one")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: _plugin(root / "new"),
        lambda root: (root / "new").mkdir(),
        lambda root: (root / "one").rename(root / "uno"),
        lambda root: (root / "broken").unlink(),
        lambda root: (root / "new").symlink_to(root / "missing"),
        lambda root: (root / "group" / "deeper" / "two").rename(root / "group" / "deeper" / "three"),
        lambda root: [(root / "one" / name).unlink() for name in ("manifest.json", "plugin.wasm")],
        lambda root: root.rename(root.with_name("gone")),
    ],
    ids=["plugin", "folder", "rename", "link gone", "broken link", "nested rename", "no plugin", "root gone"],
)
def test_what_discovery_would_see_changes_the_shape(root: Path, change: object) -> None:
    before = take_picture([root])
    assert take_picture([root]).shape == before.shape
    assert callable(change)
    change(root)
    assert take_picture([root]).shape != before.shape


def test_what_files_hold_does_not_change_the_shape_but_their_stamps(root: Path) -> None:
    before = take_picture([root])
    (root / "one" / "manifest.json").write_text("{}")
    (root / "one" / "plugin.wasm").write_bytes(b"longer than it was before")
    (root / "one" / "notes.txt").write_text("hello")
    after = take_picture([root])
    assert after.shape == before.shape
    old, new = (next(entry for entry in picture.entries if entry.name == "one") for picture in (before, after))
    assert old.manifest != new.manifest
    assert old.manifest_digest != new.manifest_digest
    assert old.module != new.module


def test_the_folders_to_watch_are_those_that_were_entered_and_of_the_sources(root: Path, tmp_path: Path) -> None:
    (root / "one" / "src").mkdir()
    (root / "one" / "workbench.toml").write_text(
        '[build]\ncommand = ["x"]\nsources = ["src/**/*.go", "../shared/*.go"]\n'
    )
    (root / "shared").mkdir()
    picture = take_picture([root])
    names = {os.path.relpath(path, tmp_path) for path in picture.folders}
    assert names == {
        "elsewhere/linked",
        "plugins",
        "plugins/empty",
        "plugins/group",
        "plugins/group/deeper",
        "plugins/group/deeper/two",
        "plugins/one",
        "plugins/one/src",
        "plugins/shared",
    }
    assert picture.parents == {tmp_path}


def test_a_broken_configuration_belongs_to_its_plugin_alone(root: Path) -> None:
    (root / "one" / "workbench.toml").write_text("[build")
    picture = take_picture([root])
    assert picture.inputs[root / "one"].problem is not None
    assert picture.inputs[root / "dev"].problem is None


@pytest.mark.skipif(not ENDLESS.exists(), reason="this system has no such file")
def test_a_manifest_that_leads_to_a_file_without_end_has_no_digest(root: Path) -> None:
    endless = _plugin(root / "endless")
    (endless / "manifest.json").unlink()
    (endless / "manifest.json").symlink_to(ENDLESS)
    (entry,) = (entry for entry in take_picture([root]).entries if entry.folder == endless)
    assert entry.manifest is not None
    assert entry.manifest_digest is None
