from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.generate import PACKAGE, ROOT, SCHEMA, SCHEMA_COPY, generate


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything the generator writes."""
    target = tmp_path_factory.mktemp("generated")
    generate(target)
    return target


def test_the_committed_files_are_what_the_generator_writes(generated: Path) -> None:
    stale = [
        str(path.relative_to(generated))
        for path in sorted(generated.rglob("*"))
        if path.is_file() and path.read_bytes() != (ROOT / path.relative_to(generated)).read_bytes()
    ]
    assert stale == [], "run `make generate`"


def test_no_generated_module_is_left_of_a_source_that_is_gone(generated: Path) -> None:
    expected = {path.relative_to(generated) for path in generated.rglob("*_pb2.py*")}
    present = {path.relative_to(ROOT) for path in (ROOT / PACKAGE).rglob("*_pb2.py*") if path.suffix != ".pyc"}
    assert present == expected


def test_the_packaged_schema_is_the_one_of_the_schema_folder() -> None:
    assert (ROOT / SCHEMA_COPY).read_bytes() == (ROOT / SCHEMA).read_bytes()


def test_the_proto_files_do_not_import_each_other() -> None:
    for source in (ROOT / "proto").rglob("*.proto"):
        assert not re.search(r"^\s*import\b", source.read_text(encoding="utf-8"), re.MULTILINE), source.name


def test_every_proto_file_explains_itself() -> None:
    for source in (ROOT / "proto").rglob("*.proto"):
        assert source.read_text(encoding="utf-8").startswith("// "), source.name
