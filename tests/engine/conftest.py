"""Fixtures of the engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.harness import PluginHarness


@pytest.fixture
def harness(tmp_path: Path) -> PluginHarness:
    """A folder for plugins and the engines on it."""
    return PluginHarness(tmp_path / "harness")
