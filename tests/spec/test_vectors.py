"""Every case of every vector file; see `cases.py` for where they come from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.spec.cases import Case, load_cases, vectors_folder
from tests.spec.claims import check
from tests.spec.summary import KIND_PROPERTY


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = list(load_cases(vectors_folder()))
        metafunc.parametrize("case", cases, ids=[case.name for case in cases])


def test_the_engine_answers_as_the_specification_says(
    case: Case, record_property: Callable[[str, object], None]
) -> None:
    record_property(KIND_PROPERTY, case.kind)
    check(case)
