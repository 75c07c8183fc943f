"""Fixtures of the screen's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.harness import PluginHarness


@pytest.fixture
def plugins(tmp_path: Path) -> PluginHarness:
    """A folder to write plugins into."""
    return PluginHarness(tmp_path / "harness")
