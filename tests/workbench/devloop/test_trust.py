"""Consents: remembered exactly, kept private, and void when in doubt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.devloop.build_config import Recipe
from workbench.devloop.trust import TrustStore

MAKE = Recipe(command=("make",), env={"A": "1"}, sources=("**/*",))


class Warnings:
    """Collects what the store complains about."""

    def __init__(self) -> None:
        self.summaries: list[str] = []

    def __call__(self, summary: str, hint: str | None) -> None:
        self.summaries.append(summary)


@pytest.fixture
def warnings() -> Warnings:
    return Warnings()


def _store(tmp_path: Path, warnings: Warnings) -> TrustStore:
    return TrustStore(tmp_path / "data" / "trust.json", on_warning=warnings)


def test_nothing_is_trusted_at_first_but_the_builtin_step(tmp_path: Path, warnings: Warnings) -> None:
    store = _store(tmp_path, warnings)
    assert not store.is_trusted(tmp_path, MAKE)
    assert store.is_trusted(tmp_path, Recipe(command=("wat2wasm", "a.wat"), env={}, sources=(), text_module="a.wat"))
    assert warnings.summaries == []


def test_a_consent_is_remembered_in_a_private_file(tmp_path: Path, warnings: Warnings) -> None:
    _store(tmp_path, warnings).trust(tmp_path, MAKE)
    assert _store(tmp_path, warnings).is_trusted(tmp_path, MAKE)
    assert (tmp_path / "data" / "trust.json").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "data") == ["trust.json"]


def test_a_consent_is_for_that_command_variables_and_real_folder_only(tmp_path: Path, warnings: Warnings) -> None:
    store = _store(tmp_path, warnings)
    store.trust(tmp_path, MAKE)
    (tmp_path / "link").symlink_to(tmp_path)
    assert store.is_trusted(tmp_path / "link", MAKE)
    (tmp_path / "other").mkdir()
    assert not store.is_trusted(tmp_path / "other", MAKE)
    for other in (
        Recipe(command=("make", "all"), env={"A": "1"}, sources=()),
        Recipe(command=("make",), env={"A": "2"}, sources=()),
        Recipe(command=("make",), env={}, sources=()),
    ):
        assert not store.is_trusted(tmp_path, other)


def test_several_consents_stand_beside_each_other(tmp_path: Path, warnings: Warnings) -> None:
    others = [Recipe(command=("make", str(number)), env={}, sources=()) for number in range(3)]
    for recipe in others:
        _store(tmp_path, warnings).trust(tmp_path, recipe)
    assert all(_store(tmp_path, warnings).is_trusted(tmp_path, recipe) for recipe in others)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version": 2, "trusted": []}',
        '{"version": 1, "trusted": [{}]}',
        '{"version": 1, "trusted": [{"folder": "/", "command": [1], "env": {}}]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_file_trusts_nothing_and_is_reported_once(tmp_path: Path, warnings: Warnings, content: str) -> None:
    store = _store(tmp_path, warnings)
    store.trust(tmp_path / "elsewhere", MAKE)
    (tmp_path / "data" / "trust.json").write_text(content)
    assert not store.is_trusted(tmp_path, MAKE)
    assert not store.is_trusted(tmp_path, MAKE)
    assert len(warnings.summaries) == 1
    assert warnings.summaries[0].startswith("no build command is trusted: ")
    store.trust(tmp_path, MAKE)
    assert _store(tmp_path, warnings).is_trusted(tmp_path, MAKE)


def test_a_file_that_others_may_write_trusts_nothing(tmp_path: Path, warnings: Warnings) -> None:
    _store(tmp_path, warnings).trust(tmp_path, MAKE)
    (tmp_path / "data" / "trust.json").chmod(0o620)
    assert not _store(tmp_path, warnings).is_trusted(tmp_path, MAKE)
    assert "others may write it (mode 0620)" in warnings.summaries[0]


def test_a_link_in_the_files_place_trusts_nothing(tmp_path: Path, warnings: Warnings) -> None:
    _store(tmp_path, warnings).trust(tmp_path, MAKE)
    file = tmp_path / "data" / "trust.json"
    file.rename(tmp_path / "real.json")
    file.symlink_to(tmp_path / "real.json")
    assert not _store(tmp_path, warnings).is_trusted(tmp_path, MAKE)


def test_a_consent_that_cannot_be_written_holds_for_this_run(tmp_path: Path, warnings: Warnings) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    store = _store(tmp_path, warnings)
    store.trust(tmp_path, MAKE)
    assert store.is_trusted(tmp_path, MAKE)
    assert not _store(tmp_path, Warnings()).is_trusted(tmp_path, MAKE)
    assert any(summary.startswith("your consent holds for this run only") for summary in warnings.summaries)


def test_what_really_lies_below_a_trusted_root_needs_no_consent(tmp_path: Path, warnings: Warnings) -> None:
    (tmp_path / "samples" / "one").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "samples" / "link").symlink_to(tmp_path / "outside")
    store = TrustStore(tmp_path / "trust.json", trusted_roots=[tmp_path / "samples"], on_warning=warnings)
    assert store.is_trusted(tmp_path / "samples" / "one", MAKE)
    assert not store.is_trusted(tmp_path / "samples" / "link", MAKE)
    assert not store.is_trusted(tmp_path / "samples-two", MAKE)
    assert TrustStore(tmp_path / "trust.json", trust_all=True).is_trusted(tmp_path / "outside", MAKE)
