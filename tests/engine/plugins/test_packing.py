"""Making packages: what goes in, the same bytes every time, nothing that could not be installed."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from engine.errors import PackageError
from engine.plugins.package import MEMBER_LIMIT_BYTES
from engine.plugins.packing import pack
from tests.engine.plugins.manifests import write_plugin


def names_in(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as archive:
        return archive.namelist()


def test_module_manifest_and_documentation_are_packed_and_sources_are_not(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "demo")
    for name in ("README.md", "LICENSE", "main.go", ".env", "old.ndp", "docs/usage.md", "src/README.md", "data/a.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    package = pack(folder, tmp_path / "demo.ndp", include=["data/*.json"])
    assert package.manifest.name == "demo"
    assert package.file == tmp_path / "demo.ndp"
    assert names_in(tmp_path / "demo.ndp") == [
        "manifest.json",
        "plugin.wasm",
        "LICENSE",
        "README.md",
        "data/a.json",
        "docs/usage.md",
    ]


def test_the_same_files_give_the_same_bytes_whatever_their_times_and_modes(tmp_path: Path) -> None:
    first = write_plugin(tmp_path / "first")
    (first / "README.md").write_text("text")
    second = tmp_path / "second"
    second.mkdir()
    for name in ("README.md", "plugin.wasm", "manifest.json"):  # another order of making
        (second / name).write_bytes((first / name).read_bytes())
        (second / name).chmod(0o755)
        os.utime(second / name, (1, 1))
    pack(first, tmp_path / "first.ndp")
    pack(second, tmp_path / "second.ndp")
    assert (tmp_path / "first.ndp").read_bytes() == (tmp_path / "second.ndp").read_bytes()


def test_a_folder_that_cannot_be_a_package_leaves_the_old_package_alone(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "demo")
    target = tmp_path / "demo.ndp"
    pack(folder, target)
    before = target.read_bytes()
    with (folder / "README.md").open("wb") as file:
        file.truncate(MEMBER_LIMIT_BYTES + 1)
    with pytest.raises(PackageError, match="size exceeds limit"):
        pack(folder, target)
    (folder / "README.md").unlink()
    (folder / "plugin.wasm").unlink()
    with pytest.raises(PackageError, match=r"missing required plugin\.wasm"):
        pack(folder, target)
    assert target.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["demo", "demo.ndp"]


def test_a_link_out_of_the_folder_is_not_packed(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "demo")
    (tmp_path / "secret").write_text("secret")
    (folder / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(PackageError, match=r"illegal file type in plugin package: README\.md"):
        pack(folder, tmp_path / "demo.ndp")


def test_a_target_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"cannot write .*: no such file or directory"):
        pack(write_plugin(tmp_path / "demo"), tmp_path / "absent" / "demo.ndp")
