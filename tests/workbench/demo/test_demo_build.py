"""Building the samples without a screen: what is built, what is left alone, how a failure is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.demo.build import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plugin as text in a folder of plugins."""
    _write(tmp_path / "plugins" / "good", "(module)")
    return tmp_path / "plugins"


def test_a_plugin_is_built_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    assert (folder / "good" / "plugin.wasm").read_bytes().startswith(b"\0asm")
    assert capsys.readouterr().out.startswith("good: wat2wasm plugin.wat\ngood: 8 bytes in ")
    assert main([str(folder)]) == 0
    assert capsys.readouterr().out == "good: up to date\n"


def test_one_failure_is_told_with_its_place_and_the_rest_is_built(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder / "bad", "(module\n  (func")
    assert main([str(folder)]) == 1
    assert (folder / "good" / "plugin.wasm").exists()
    assert not (folder / "bad" / "plugin.wasm").exists()
    told = capsys.readouterr().err
    assert told.startswith("workbench: bad: plugin.wat: ")
    assert f"{folder / 'bad' / 'plugin.wat'}:2:" in told


def test_a_command_is_run_and_its_output_made_inert(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder / "own", "(module)")
    command = ["sh", "-c", r"printf 'one\033[2J\n'; printf '\0asm\1\0\0\0' > {output}"]
    (folder / "own" / "workbench.toml").write_text(f"[build]\ncommand = {json.dumps(command)}\n")
    assert main([str(folder)]) == 0
    assert "own: one␛[2J\n" in capsys.readouterr().out


def test_a_broken_manifest_is_a_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good" / "manifest.json").write_text("{")
    assert main([str(folder)]) == 1
    assert "failed to load manifest: " in capsys.readouterr().err


def test_a_folder_without_plugins_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert f"there are no plugins in {tmp_path}" in capsys.readouterr().err


def _write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    manifest = {
        "name": folder.name,
        "author": "Test Author",
        "version": "1.0.0",
        "description": "A plugin of the tests",
        "capabilities": ["MetadataAgent"],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "plugin.wat").write_text(text)
