"""One runtime for the tests of a file, code compiled by it, and a compile cache on an empty folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.wasm.runtime import Runtime
from tests.engine.wasm.cache_bench import CacheBench, code_of


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime()


@pytest.fixture(scope="module")
def code(runtime: Runtime) -> bytes:
    return code_of(runtime)


@pytest.fixture
def bench(tmp_path: Path, runtime: Runtime) -> Iterator[CacheBench]:
    bench = CacheBench(tmp_path / "cache", runtime)
    yield bench
    bench.close()
