from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PACKAGED_FOLDERS = {"engine": "engine", "workbench": "workbench", "sample_plugins": "workbench/sample_plugins"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what goes into a wheel, with a built plugin and leftovers in it, as after `make samples`."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in PACKAGED_FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "plugin.wasm"))
    (copy / "sample_plugins" / "hello-wat" / "plugin.wasm").write_bytes(b"\0asm")
    (copy / "sample_plugins" / "hello-wat.ndp").write_bytes(b"PK")
    return copy


@pytest.fixture(scope="module")
def wheel_names(checkout: Path) -> set[str]:
    """The names of all files in the wheel."""
    (wheel,) = WheelBuilder(str(checkout)).build(directory=str(checkout / "dist"), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_carries_what_the_program_needs_to_run_without_a_checkout(wheel_names: set[str]) -> None:
    assert wheel_names >= {
        "engine/contracts/api_pb2.py",
        "engine/contracts/api_pb2.pyi",
        "engine/contracts/host/http_pb2.py",
        "engine/plugins/manifest.schema.json",
        "engine/py.typed",
        "workbench/py.typed",
        "workbench/sample_plugins/go.mod",
        "workbench/sample_plugins/go.sum",
        "workbench/sample_plugins/hello-wat/manifest.json",
        "workbench/sample_plugins/hello-wat/plugin.wat",
        "workbench/sample_plugins/lyre-metadata/main.go",
    }


def test_the_wheel_carries_every_file_of_the_packages_and_nothing_that_was_built(
    checkout: Path, wheel_names: set[str]
) -> None:
    sources = {
        f"{packaged}/{path.relative_to(checkout / folder).as_posix()}"
        for folder, packaged in PACKAGED_FOLDERS.items()
        for path in (checkout / folder).rglob("*")
        if path.is_file() and path.name != "plugin.wasm" and path.suffix != ".ndp"
    }
    assert {name for name in wheel_names if ".dist-info/" not in name} == sources


def test_the_wheel_carries_the_licence_and_the_command(wheel_names: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names)
    assert any(name.endswith(".dist-info/entry_points.txt") for name in wheel_names)
