"""The workbench as a user starts it: a command in a terminal, an empty home, a folder of plugins."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, environment_for

REPOSITORY = Path(__file__).resolve().parent.parent.parent


class Desk:
    """Where a user works: opens terminals on the workbench, keeps a copy of the samples."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.plugins = root / "plugins"
        self.packages = REPOSITORY
        self.plugins.mkdir()

    def sample(self, name: str) -> Path:
        """Copy a sample plugin, as delivered, to the plugins folder."""
        built = shutil.ignore_patterns("plugin.wasm", ".*")
        return Path(shutil.copytree(REPOSITORY / "sample_plugins" / name, self.plugins / name, ignore=built))

    def checkout(self, *samples: str) -> Path:
        """Copy the program and some samples, unbuilt, to a tree of their own, and work with that from now on."""
        tree = self.root / "checkout"
        for package in ("engine", "workbench"):
            shutil.copytree(REPOSITORY / package, tree / package)
        sources = REPOSITORY / "sample_plugins"
        others = {path.name for path in sources.iterdir() if (path / "manifest.json").exists()} - set(samples)
        ignored = shutil.ignore_patterns("plugin.wasm", ".*", *others)
        shutil.copytree(sources, tree / "sample_plugins", ignore=ignored)
        self.packages = tree
        return tree / "sample_plugins"

    def environment(self, **extra: str) -> dict[str, str]:
        """What a program finds: an empty home, and the packages of a checkout wherever it starts."""
        return environment_for(self.home, PYTHONPATH=str(self.packages), **extra)

    @contextmanager
    def open(
        self, *words: str, rows: int = 24, columns: int = 80, term: str = "xterm-256color", **extra: str
    ) -> Iterator[Terminal]:
        """Run `workbench` with these words in a terminal, above the plugins; `extra` are environment variables."""
        command = [sys.executable, "-m", "workbench", *words]
        environment = self.environment(**extra)
        with Terminal(command, rows=rows, columns=columns, env=environment, cwd=self.root, term=term) as terminal:
            yield terminal


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A user's desk in an empty folder."""
    return Desk(tmp_path)
