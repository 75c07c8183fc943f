"""What source patterns stand for, and that hostile ones are bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.devloop.build_config import Recipe
from workbench.devloop.errors import BuildConfigError
from workbench.devloop.sources import is_due, scan_sources


def _recipe(*patterns: str, output: str = "plugin.wasm") -> Recipe:
    return Recipe(command=("make",), env={}, sources=patterns, output=output)


def _make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def _found(folder: Path, *patterns: str) -> list[str]:
    return [os.path.relpath(path, folder) for path, _ in scan_sources(folder, _recipe(*patterns)).files]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.go", ["main.go"]),
        ("**/*.go", ["a/b/deep.go", "a/one.go", "main.go"]),
        ("a/*.go", ["a/one.go"]),
        ("a/**", ["a/b/deep.go", "a/one.go", "a/readme.md"]),
        ("*/one.go", ["a/one.go"]),
        ("a/b/deep.go", ["a/b/deep.go"]),
        ("a/[n-p]ne.go", ["a/one.go"]),
        (".hidden/*.go", [".hidden/secret.go"]),
        ("missing/*.go", []),
        ("**/**/**/deep.go", ["a/b/deep.go"]),
        ("target/*.go", ["target/made.go"]),
    ],
)
def test_patterns_stand_for_files_as_in_a_shell(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    _make(tmp_path, "main.go", "a/one.go", "a/readme.md", "a/b/deep.go", ".hidden/secret.go", "target/made.go")
    assert _found(tmp_path, pattern) == expected


def test_a_pattern_may_climb_out_of_the_folder(tmp_path: Path) -> None:
    _make(tmp_path, "go.mod", "shared/x/y.go", "plugin/main.go")
    assert _found(tmp_path / "plugin", "../go.mod", "../shared/**/*.go") == ["../go.mod", "../shared/x/y.go"]


def test_what_the_build_writes_is_no_source(tmp_path: Path) -> None:
    _make(tmp_path, "plugin.wasm", "out/made.wasm", "main.c")
    scan = scan_sources(tmp_path, _recipe("**/*", output="out/made.wasm"))
    assert [path.name for path, _ in scan.files] == ["main.c"]


def test_the_configuration_is_a_source(tmp_path: Path) -> None:
    _make(tmp_path, "workbench.toml", "main.c")
    assert _found(tmp_path, "*.c") == ["main.c", "workbench.toml"]


def test_every_folder_in_which_a_source_may_appear_is_told(tmp_path: Path) -> None:
    _make(tmp_path, "go.mod", "shared/x/y.go", "plugin/a/main.go", "plugin/.git/config")
    scan = scan_sources(tmp_path / "plugin", _recipe("**/*.go", "../go.mod", "../shared/*/*.go", "../later/*.go"))
    assert {os.path.relpath(path, tmp_path) for path in scan.folders} == {
        ".",
        "plugin",
        "plugin/a",
        "shared",
        "shared/x",
    }


def test_links_to_folders_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    _make(tmp_path, "main.c", "sub/one.c")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "linked.c").symlink_to(tmp_path / "main.c")
    (tmp_path / "dangling.c").symlink_to(tmp_path / "missing")
    assert _found(tmp_path, "**/*.c") == ["linked.c", "main.c", "sub/one.c"]


def test_patterns_that_reach_too_far_are_refused(tmp_path: Path) -> None:
    _make(tmp_path, *(f"{number}.c" for number in range(60)))
    with pytest.raises(BuildConfigError, match="the source patterns reach more than 50 files"):
        scan_sources(tmp_path, _recipe("**/*.c"), max_entries=50)


def test_a_build_is_due_without_a_module_and_with_a_newer_source(tmp_path: Path) -> None:
    _make(tmp_path, "main.c")
    recipe = _recipe("*.c")
    assert is_due(tmp_path, scan_sources(tmp_path, recipe))
    _make(tmp_path, "plugin.wasm")
    os.utime(tmp_path / "plugin.wasm", ns=(0, (tmp_path / "main.c").stat().st_mtime_ns))
    assert not is_due(tmp_path, scan_sources(tmp_path, recipe))
    os.utime(tmp_path / "main.c", ns=(0, (tmp_path / "main.c").stat().st_mtime_ns + 1))
    assert is_due(tmp_path, scan_sources(tmp_path, recipe))


def test_a_changed_source_changes_the_scan(tmp_path: Path) -> None:
    _make(tmp_path, "main.c")
    before = scan_sources(tmp_path, _recipe("*.c"))
    assert scan_sources(tmp_path, _recipe("*.c")) == before
    (tmp_path / "main.c").write_text("longer than before")
    assert scan_sources(tmp_path, _recipe("*.c")).files != before.files
