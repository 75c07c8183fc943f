"""Reading places out of compiler output."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.devloop.diagnostics import ComplaintFinder, read_complaint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.go").write_text("")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.rs").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "file", "number", "column", "text"),
    [
        ("./main.go:12:3: undefined: x", "main.go", 12, 3, "undefined: x"),
        ("main.go:7: syntax error", "main.go", 7, None, "syntax error"),
        ("vet: ./main.go:2:1: bad", "main.go", 2, 1, "bad"),
        ("  --> src/lib.rs:4:9", "src/lib.rs", 4, 9, ""),
        ("src/lib.rs:1:2: error: no", "src/lib.rs", 1, 2, "error: no"),
    ],
)
def test_the_place_of_a_complaint_is_found(
    folder: Path, line: str, file: str, number: int, column: int | None, text: str
) -> None:
    complaint = read_complaint(line, folder)
    assert complaint is not None
    assert complaint.place is not None
    assert (complaint.place.file, complaint.place.line, complaint.place.column) == (folder / file, number, column)
    assert complaint.text == text


@pytest.mark.parametrize(
    "line", ["", "done", "missing.go:1:1: x", "12:30:01 started", "http://x:80", "a\0b:1: x", "x" * 9999]
)
def test_other_lines_have_no_place(folder: Path, line: str) -> None:
    assert read_complaint(line, folder) is None


def test_the_first_placed_complaint_explains_best_else_the_last_line(folder: Path) -> None:
    finder = ComplaintFinder(folder)
    for line in ("# example.com/plugin", "go: downloading x v1", "something odd", "make: *** [all] Error 1"):
        finder.see(line)
    assert finder.best is not None
    assert (finder.best.text, finder.best.place) == ("something odd", None)
    finder.see("./main.go:1:1: first")
    finder.see("./main.go:2:1: second")
    assert finder.best.text == "first"


def test_a_place_on_a_line_of_its_own_belongs_to_what_was_said_above_it(folder: Path) -> None:
    finder = ComplaintFinder(folder)
    for line in (
        "   Compiling plugin v0.1.0",
        "error[E0425]: cannot find value `x`",
        " --> src/lib.rs:4:9",
        "  |",
        "4 | x",
    ):
        finder.see(line)
    assert finder.best is not None
    assert finder.best.text == "error[E0425]: cannot find value `x`"
    assert finder.best.place is not None
    assert (finder.best.place.file, finder.best.place.line) == (folder / "src" / "lib.rs", 4)


def test_a_place_that_nothing_was_said_about_stands_for_itself(folder: Path) -> None:
    finder = ComplaintFinder(folder)
    finder.see("main.go:4")
    assert finder.best is not None
    assert finder.best.text == "main.go:4"
