"""Fixtures of the development loop's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workbench.devloop.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    """A folder for plugins with sources and the sessions on it."""
    return Bench(tmp_path / "bench")
