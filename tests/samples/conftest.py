"""The sample plugins, built once per test process from a copy of their sources, and engines on them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from engine.settings import Settings
from tests.samples.bench import SampleBench
from workbench.demo.build import build_samples
from workbench.demo.samples import copy_samples, sample_sources
from workbench.demo.services import DemoServices
from workbench.devloop.toolchain import Toolchain


@pytest.fixture(scope="session")
def sample_plugins(tmp_path_factory: pytest.TempPathFactory, go_settings: Mapping[str, str]) -> Path:
    """A folder with all sample plugins, built; a Go that the workbench fetched earlier is found again."""
    folder = tmp_path_factory.mktemp("sample_plugins")
    copy_samples(folder, sample_sources())
    own = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    toolchain = Toolchain(Settings.load(environ=own).cache_folder, environ={**os.environ, **go_settings})
    lines: list[str] = []
    built = asyncio.run(build_samples(folder, toolchain, say=lines.append))
    assert [(build.folder.name, build.error) for build in built if build.error is not None] == [], lines
    return folder


@pytest.fixture(scope="session")
def compile_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled modules, kept from test to test."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def services() -> Iterator[DemoServices]:
    """The demo's services, running."""
    with DemoServices() as running:
        yield running


@pytest.fixture
def samples(sample_plugins: Path, compile_cache: Path, services: DemoServices, tmp_path: Path) -> SampleBench:
    """The sample plugins with the settings of the demo."""
    return SampleBench(sample_plugins, services, cache_folder=compile_cache, data_folder=tmp_path)
