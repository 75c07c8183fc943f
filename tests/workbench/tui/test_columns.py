from __future__ import annotations

import pytest
from rich.cells import cell_len

from workbench.tui.columns import fit, wrap


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [
        ("ab", 4, "ab  "),
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abc…"),
        ("漢字漢", 4, "漢 …"),
        ("漢", 2, "漢"),
        ("x", 0, ""),
    ],
)
def test_a_text_fills_its_cells(text: str, width: int, fitted: str) -> None:
    assert fit(text, width) == fitted
    assert cell_len(fit(text, width)) == width


def test_numbers_stand_on_the_right() -> None:
    assert fit("ab", 4, right=True) == "  ab"


@pytest.mark.parametrize(
    ("text", "width", "pieces"),
    [
        ("", 5, [""]),
        ("short", 5, ["short"]),
        ("aaa bbb ccc ddd", 8, ["aaa bbb ", "ccc ddd"]),
        ("x" * 20, 7, ["x" * 7, "x" * 7, "x" * 6]),
        ("a " + "x" * 10, 8, ["a xxxxxx", "xxxx"]),
        ("漢字漢", 5, ["漢字", "漢"]),
        ("whole", 1, ["whole"]),
    ],
)
def test_long_lines_are_parted_at_blanks_where_there_are_some(text: str, width: int, pieces: list[str]) -> None:
    assert wrap(text, width) == pieces
    assert "".join(wrap(text, width)) == text
