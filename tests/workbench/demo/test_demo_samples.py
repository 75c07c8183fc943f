"""The copy of the sample plugins: what is copied, and that no edit is ever lost."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from workbench.demo.samples import copy_samples, sample_sources, samples_folder


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "delivered"
    for name, text in {"one/manifest.json": "{}", "one/plugin.wat": "(module)", "go.mod": "module x"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "samples"


def test_everything_is_copied_but_built_and_hidden_files(sources: Path, target: Path) -> None:
    (sources / "one" / "plugin.wasm").write_bytes(b"\0asm")
    (sources / "one" / ".swp").write_text("")
    (sources / "__pycache__").mkdir()
    (sources / "__pycache__" / "x.pyc").write_text("")
    assert copy_samples(target, sources) == ("go.mod", "one/manifest.json", "one/plugin.wat")
    present = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert present == [".samples.json", "go.mod", "one/manifest.json", "one/plugin.wat"]


def test_the_copy_is_for_its_owner_alone(sources: Path, target: Path) -> None:
    copy_samples(target, sources)
    for path in (target, *target.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_second_copy_writes_nothing(sources: Path, target: Path) -> None:
    copy_samples(target, sources)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    assert copy_samples(target, sources) == ()
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == before


def test_an_edited_file_is_kept_even_when_a_newer_one_is_delivered(sources: Path, target: Path) -> None:
    copy_samples(target, sources)
    (target / "one/plugin.wat").write_text("(module $mine)")
    (sources / "one/plugin.wat").write_text("(module $newer)")
    assert copy_samples(target, sources) == ()
    assert (target / "one/plugin.wat").read_text() == "(module $mine)"


def test_an_unedited_file_follows_what_is_delivered(sources: Path, target: Path) -> None:
    copy_samples(target, sources)
    (sources / "one/plugin.wat").write_text("(module $newer)")
    assert copy_samples(target, sources) == ("one/plugin.wat",)
    assert (target / "one/plugin.wat").read_text() == "(module $newer)"


def test_a_missing_file_comes_back(sources: Path, target: Path) -> None:
    copy_samples(target, sources)
    (target / "one/plugin.wat").unlink()
    assert copy_samples(target, sources) == ("one/plugin.wat",)


@pytest.mark.parametrize("record", ["", "[]", "{", '{"one/plugin.wat": 1}', "[" * 100_000])
def test_without_a_readable_record_every_difference_counts_as_an_edit(sources: Path, target: Path, record: str) -> None:
    copy_samples(target, sources)
    (target / ".samples.json").write_text(record)
    (sources / "one/plugin.wat").write_text("(module $newer)")
    assert copy_samples(target, sources) == ()
    assert (target / "one/plugin.wat").read_text() == "(module)"
    assert "go.mod" in json.loads((target / ".samples.json").read_text())


def test_a_copy_that_fails_leaves_no_half_file(sources: Path, target: Path) -> None:
    (target / "one" / "plugin.wat").mkdir(parents=True)
    with pytest.raises(OSError, match=r"plugin\.wat"):
        copy_samples(target, sources)
    assert [path.name for path in target.rglob(".new-*")] == []


def test_a_checkout_opens_its_own_samples(tmp_path: Path) -> None:
    assert samples_folder(tmp_path) == sample_sources()
    assert list(tmp_path.iterdir()) == []
