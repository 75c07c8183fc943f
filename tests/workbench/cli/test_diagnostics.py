"""What is said on stderr when something went wrong."""

from __future__ import annotations

import pytest

from workbench.cli.diagnostics import complain


def test_a_complaint_says_what_went_wrong_then_where_then_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    complain("odd\nin two lines", hint="Mend it.", place="/p/main.go:3:5")
    assert capsys.readouterr().err == "workbench: odd\n  in two lines\n  at /p/main.go:3:5\n  Mend it.\n"


def test_a_place_that_was_named_is_not_named_again(capsys: pytest.CaptureFixture[str]) -> None:
    complain("cannot read /p/a.toml: it is gone", place="/p/a.toml")
    assert capsys.readouterr().err == "workbench: cannot read /p/a.toml: it is gone\n"
