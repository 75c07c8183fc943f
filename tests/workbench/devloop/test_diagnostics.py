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
        ("  --> src/lib.rs:4:9", "src/lib.rs", 4, 9, "--> src/lib.rs:4:9"),
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
