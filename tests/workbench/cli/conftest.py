"""The command line as a script sees it: words in, exit status and two streams out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.harness import PluginHarness
from workbench.cli.main import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)


class CommandLine:
    """Runs commands in this process, in an empty home, on a plugins folder that the test fills."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.plugins = PluginHarness(root / "harness")
        self._capsys = capsys

    def run(self, *words: str, plugins: Path | None = None) -> Ran:
        """Run a command with `--plugins` behind it."""
        return self.run_bare(*words, "--plugins", str(plugins or self.plugins.folder))

    def run_bare(self, *words: str) -> Ran:
        """Run a command with exactly these words."""
        self._capsys.readouterr()
        status = main(words)
        captured = self._capsys.readouterr()
        return Ran(status=int(status), out=captured.out, err=captured.err)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """A command line in an empty home and an empty current folder."""
    home = tmp_path / "home"
    here = tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ND_CONFIGFILE", "ND_PLUGINS_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(here)
    return CommandLine(tmp_path, capsys)
