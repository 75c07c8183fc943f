"""Fixtures of the engine's tests."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from engine.settings import CallPathSetting
from engine.wasm.paths import CallPathName
from tests.engine.harness import PluginHarness


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `both_paths` run once on each call path, if they use one."""
    if metafunc.definition.get_closest_marker("both_paths") and "call_path" in metafunc.fixturenames:
        metafunc.parametrize("call_path", get_args(CallPathName))


@pytest.fixture
def call_path() -> CallPathSetting:
    """How the engine calls guests."""
    return "auto"


@pytest.fixture
def harness(tmp_path: Path, call_path: CallPathSetting) -> PluginHarness:
    """A folder for plugins and the engines on it."""
    return PluginHarness(tmp_path / "harness", call_path=call_path)
