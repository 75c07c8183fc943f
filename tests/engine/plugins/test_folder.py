"""Changing a plugins folder: what is installed, replaced, removed and linked, and what is refused unchanged."""

from __future__ import annotations

import io
import os
import random
import stat
import subprocess
import sys
import tempfile
import threading
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import EngineError, PackageError
from engine.plugins import exchange as exchange_module
from engine.plugins.discovery import discover
from engine.plugins.folder import FolderError, PluginsFolder
from engine.plugins.manifest import read_manifest
from engine.plugins.staging import Change, changing
from tests.engine.plugins.manifests import manifest_bytes, write_plugin
from tests.engine.plugins.packages import MODULE, write_package


@pytest.fixture
def folder(tmp_path: Path) -> PluginsFolder:
    return PluginsFolder(tmp_path / "plugins")


def never(place: Path) -> bool:
    raise AssertionError(f"asked about {place}")


def tree(root: Path) -> dict[str, bytes | str | None]:
    """Everything below a folder: files, links and folders, hidden ones too."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        found[name] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found


def version_in(path: Path) -> str:
    return read_manifest(path / "manifest.json").version


# --- install


def test_a_package_is_installed_private_in_a_folder_of_its_name(folder: PluginsFolder, tmp_path: Path) -> None:
    package = write_package(tmp_path / "any.ndp", others={"docs/usage.md": b"text"})
    umask = os.umask(0)
    try:
        installed = folder.install(package)
    finally:
        os.umask(umask)
    assert installed.path == folder.path / "demo"
    assert tree(folder.path).keys() == {
        "demo",
        "demo/docs",
        "demo/docs/usage.md",
        "demo/manifest.json",
        "demo/plugin.wasm",
    }
    for path in (folder.path, *folder.path.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_what_is_installed_already_is_not_installed_again(folder: PluginsFolder, tmp_path: Path) -> None:
    write_plugin(folder.path / "other-folder", name="demo")
    write_plugin(folder.path / "taken", name="another")
    before = tree(folder.path)
    for name in ("demo", "another", "taken"):
        with pytest.raises(FolderError, match="Plugin already installed") as caught:
            folder.install(write_package(tmp_path / "x.ndp", name=name))
        assert "update" in (caught.value.hint or "")
    assert tree(folder.path) == before


@pytest.mark.parametrize("name", ["absent.ndp", "demo.zip"])
def test_what_is_no_package_file_is_refused_before_it_is_read(folder: PluginsFolder, tmp_path: Path, name: str) -> None:
    write_package(tmp_path / "demo.zip")
    texts = {
        "absent.ndp": f"plugin package not found: {tmp_path}/absent.ndp",
        "demo.zip": f"not a valid plugin package: {tmp_path}/demo.zip (expected .ndp extension)",
    }
    for change in (folder.install, folder.update):
        with pytest.raises(PackageError) as caught:
            change(tmp_path / name)
        assert caught.value.summary == texts[name]
    assert not folder.path.exists()


def test_a_bad_package_leaves_nothing_behind(folder: PluginsFolder, tmp_path: Path) -> None:
    write_plugin(folder.path / "demo", version="1.0.0")
    before = tree(folder.path)
    bad = write_package(tmp_path / "bad.ndp", others={"a.txt": b"x", "../evil.txt": b"x"}, name="new")
    for change in (folder.install, folder.update):
        with pytest.raises(PackageError, match="illegal file path"):
            change(bad)
    assert tree(folder.path) == before
    assert not (tmp_path / "evil.txt").exists()


def test_a_folder_in_which_nothing_can_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plugins").write_text("a file")
    with pytest.raises(FolderError, match="cannot install in"):
        PluginsFolder(tmp_path / "plugins").install(write_package(tmp_path / "x.ndp"))


_MEMBER_NAMES = st.sampled_from(
    [
        "manifest.json",
        "plugin.wasm",
        "README.md",
        "readme.md",
        "a",
        "a/",
        "a/b",
        "../x",
        "/x",
        "a/../../x",
        ".",
        "ü",
        "\0",
    ]
) | st.text(max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            _MEMBER_NAMES,
            st.sampled_from([0, 0o100777, 0o120777, 0o040777, 0o010666]),
            st.binary(max_size=40) | st.just(manifest_bytes()),
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_arbitrary_members_are_installed_below_their_folder_or_refused(
    members: list[tuple[str, int, bytes]], is_complete: bool
) -> None:
    if is_complete:
        members = [("manifest.json", 0, manifest_bytes()), ("plugin.wasm", 0, MODULE), *members]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, mode, content in members:
                info = zipfile.ZipInfo("x")
                info.filename = name.encode(errors="replace").decode()
                info.external_attr = mode << 16
                archive.writestr(info, content)
    with tempfile.TemporaryDirectory() as base:
        file = Path(base, "x.ndp")
        file.write_bytes(buffer.getvalue())
        plugins = PluginsFolder(Path(base, "plugins"))
        write_plugin(plugins.path / "old", name="old")
        before = tree(plugins.path)
        try:
            installed = plugins.install(file)
        except EngineError:
            assert tree(plugins.path) == before
        else:
            assert sorted(os.listdir(plugins.path)) == ["demo", "old"]
            paths = list(installed.path.rglob("*"))
            assert not any(path.is_symlink() for path in paths)
            assert all(stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600) for path in paths)
        assert sorted(os.listdir(base)) == ["plugins", "x.ndp"]


# --- update


def test_an_update_replaces_all_files_whatever_the_version_and_the_folder(
    folder: PluginsFolder, tmp_path: Path
) -> None:
    place = write_plugin(folder.path / "some-folder", version="2.0.0")
    (place / "leftover.txt").touch()
    updated = folder.update(write_package(tmp_path / "x.ndp", version="1.0.0", module=MODULE))
    assert (updated.path, updated.old_version) == (place, "2.0.0")
    assert tree(folder.path).keys() == {"some-folder", "some-folder/manifest.json", "some-folder/plugin.wasm"}
    assert version_in(place) == "1.0.0"


def test_an_update_mends_a_plugin_whose_manifest_is_broken(folder: PluginsFolder, tmp_path: Path) -> None:
    (write_plugin(folder.path / "demo") / "manifest.json").write_text("{")
    assert folder.update(write_package(tmp_path / "x.ndp", version="3.0.0")).old_version == ""
    assert version_in(folder.path / "demo") == "3.0.0"


def test_an_update_of_what_is_not_installed_is_refused(folder: PluginsFolder, tmp_path: Path) -> None:
    package = write_package(tmp_path / "x.ndp")
    with pytest.raises(FolderError, match="Plugin not found: 'demo'"):
        folder.update(package)
    write_plugin(folder.path / "demo", name="somebody-else")
    before = tree(folder.path)
    with pytest.raises(FolderError, match="holds another plugin: somebody-else"):
        folder.update(package)
    assert tree(folder.path) == before


def test_an_update_of_a_link_keeps_what_the_link_led_to(folder: PluginsFolder, tmp_path: Path) -> None:
    source = write_plugin(tmp_path / "source", version="0.1.0")
    folder.link(source, may_replace=never)
    folder.update(write_package(tmp_path / "x.ndp", version="2.0.0"))
    assert not (folder.path / "demo").is_symlink()
    assert (version_in(folder.path / "demo"), version_in(source)) == ("2.0.0", "0.1.0")


class OldFileSystem(Change):
    """A change on a file system that cannot let two entries swap places."""

    def replace(self, place: Path) -> None:
        self._replace_in_two_steps(place)


def test_without_an_exchange_the_old_version_is_put_back_when_the_new_one_cannot_be_moved(tmp_path: Path) -> None:
    place = write_plugin(tmp_path / "plugins" / "demo")
    before = tree(tmp_path / "plugins")
    with pytest.raises(FileNotFoundError), changing(tmp_path / "plugins") as change:
        OldFileSystem(tmp_path / "plugins", change.new.parent).replace(place)  # there is nothing new
    assert tree(tmp_path / "plugins") == before


def test_what_an_interrupted_change_left_is_settled_by_the_next(folder: PluginsFolder, tmp_path: Path) -> None:
    write_plugin(folder.path / ".workbench-change-a" / "old", version="1.0.0")
    write_plugin(folder.path / ".workbench-change-a" / "new", version="2.0.0")
    (folder.path / ".workbench-change-a" / "place").write_bytes(b"demo")
    write_plugin(folder.path / ".workbench-change-b" / "new")
    write_plugin(folder.path / ".workbench-change-c" / "old")
    (folder.path / ".workbench-change-c" / "place").write_bytes(b"../escaped")
    folder.install(write_package(tmp_path / "x.ndp", name="fresh"))
    assert sorted(os.listdir(folder.path)) == ["demo", "fresh"]
    assert version_in(folder.path / "demo") == "1.0.0"
    assert not (tmp_path / "escaped").exists()


def test_two_entries_swap_places_or_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("nowhere")
    if exchange_module.exchange(tmp_path / "a", tmp_path / "b"):
        assert (tmp_path / "a").is_symlink()
        assert (tmp_path / "b").is_dir()
    with pytest.raises(FileNotFoundError):
        exchange_module.exchange(tmp_path / "a", tmp_path / "absent")


UPDATER = """
import sys
from pathlib import Path
from engine.plugins.folder import PluginsFolder
folder = PluginsFolder(Path(sys.argv[1]))
print("begin", flush=True)
while True:
    for package in sys.argv[2:]:
        folder.update(Path(package))
"""
OLD_SYSTEM = "from engine.plugins import staging\nstaging.exchange = lambda first, second: False\n"


@pytest.mark.parametrize("prelude", ["", OLD_SYSTEM], ids=["exchange", "two steps"])
def test_a_killed_update_leaves_one_complete_version(folder: PluginsFolder, tmp_path: Path, prelude: str) -> None:
    """Kills a process that updates for ever, at moments that a seeded generator picks."""
    files = {f"docs/{number}.md": b"x" * 2_000 for number in range(6)}
    packages = [
        write_package(tmp_path / f"{version}.ndp", version=version, others={**files, "which.txt": version.encode()})
        for version in ("1.0.0", "2.0.0")
    ]
    folder.install(packages[0])
    complete = {"manifest.json", "plugin.wasm", "which.txt", "docs", *files}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    can_exchange = exchange_module.exchange(tmp_path / "a", tmp_path / "b")
    moments, pause = random.Random(11), threading.Event()
    for _ in range(6):
        command = [sys.executable, "-c", prelude + UPDATER, str(folder.path), *map(str, packages)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"begin\n"
            pause.wait(moments.uniform(0.0, 0.06))
            child.kill()
        if prelude or not can_exchange:
            with changing(folder.path):
                pass  # the next change settles what was interrupted
        place = folder.path / "demo"
        assert {str(path.relative_to(place)) for path in place.rglob("*")} == complete
        assert version_in(place) == (place / "which.txt").read_text()
        assert [plugin.id for plugin in discover(folder.path)] == ["demo"]
    folder.update(packages[1])
    assert os.listdir(folder.path) == ["demo"]


# --- remove


def test_a_removed_plugin_is_gone_with_its_files(folder: PluginsFolder) -> None:
    place = write_plugin(folder.path / "some-folder", name="demo")
    (place / "closed").mkdir(mode=0o500)
    assert folder.remove("demo").path == place
    assert tree(folder.path) == {}


def test_a_link_is_removed_and_its_target_stays(folder: PluginsFolder, tmp_path: Path) -> None:
    source = write_plugin(tmp_path / "source")
    folder.link(source, may_replace=never)
    (folder.path / "broken").symlink_to(tmp_path / "nowhere")
    before = tree(source)
    assert folder.remove("demo").link_target == source
    assert folder.remove("broken").link_target == tmp_path / "nowhere"
    assert tree(folder.path) == {}
    assert tree(source) == before


@pytest.mark.parametrize("name", ["", " ", ".", "..", "../plugins-backup", "a/b", "a\\b", "a\0b", "absent", ".hidden"])
def test_a_name_that_is_no_entry_removes_nothing(folder: PluginsFolder, tmp_path: Path, name: str) -> None:
    write_plugin(folder.path / "demo")
    write_plugin(folder.path / ".hidden", name="hidden")
    write_plugin(tmp_path / "plugins-backup", name="backup")
    before = tree(tmp_path)
    with pytest.raises(FolderError):
        folder.remove(name)
    assert tree(tmp_path) == before


def test_what_is_no_plugin_or_not_the_folders_own_is_not_removed(folder: PluginsFolder, tmp_path: Path) -> None:
    write_plugin(folder.path / "nested" / "inner", name="inner")
    write_plugin(tmp_path / "shelf" / "outside", name="outside")
    (folder.path / "shelf").symlink_to(tmp_path / "shelf")
    (folder.path / "notes").mkdir()
    (folder.path / "notes" / "text.txt").touch()
    before = tree(tmp_path)
    for name in ("outside", "notes", "nested"):
        with pytest.raises(FolderError):
            folder.remove(name)
    with pytest.raises(FolderError, match="is not an entry of the plugins folder"):
        PluginsFolder(folder.path / "nested" / "inner").remove("inner")
    assert tree(tmp_path) == before
    folder.remove("inner")
    assert not (folder.path / "nested" / "inner").exists()


# --- dev links


def test_a_development_folder_is_linked_by_its_absolute_path(
    folder: PluginsFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plugin(tmp_path / "source", module=None)
    monkeypatch.chdir(tmp_path)
    linked = folder.link(Path("source"), may_replace=never)
    assert os.readlink(folder.path / "demo") == str(tmp_path / "source")
    assert (linked.path, linked.is_new, linked.has_module) == (folder.path / "demo", True, False)
    assert not folder.link(Path("source"), may_replace=never).is_new


def test_what_is_in_the_way_is_replaced_only_if_the_user_says_so(folder: PluginsFolder, tmp_path: Path) -> None:
    source = write_plugin(tmp_path / "source")
    write_plugin(folder.path / "demo")
    before = tree(folder.path)
    with pytest.raises(FolderError, match="operation canceled"):
        folder.link(source, may_replace=lambda place: False)
    assert tree(folder.path) == before
    asked: list[Path] = []

    def agree(place: Path) -> bool:
        asked.append(place)
        return True

    folder.link(source, may_replace=agree)
    assert asked == [folder.path / "demo"]
    assert tree(folder.path)["demo"] == str(source)
    assert os.listdir(folder.path) == ["demo"]


def test_a_folder_that_is_in_the_plugins_folder_is_never_replaced_by_a_link_to_itself(folder: PluginsFolder) -> None:
    place = write_plugin(folder.path / "demo")
    write_plugin(place / "deeper")
    before = tree(folder.path)
    for source in (place, place / "deeper"):
        with pytest.raises(FolderError, match="lies in the plugins folder already"):
            folder.link(source, may_replace=lambda place: True)
    assert tree(folder.path) == before


def test_folders_that_cannot_be_linked_are_refused_in_navidromes_words(folder: PluginsFolder, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name, text in (
        ("absent", "source folder not found: "),
        ("file", "source path is not a directory: "),
        ("empty", "source folder missing manifest.json: "),
    ):
        with pytest.raises(FolderError, match=text):
            folder.link(tmp_path / name, may_replace=never)
    write_plugin(folder.path / "other-folder", name="demo")
    with pytest.raises(FolderError, match="Plugin already installed"):
        folder.link(write_plugin(tmp_path / "source"), may_replace=never)
