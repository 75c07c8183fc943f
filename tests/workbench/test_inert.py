from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.inert import LINE_LIMIT, display_lines, display_text, exact_command, exact_env, exact_word

ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [red]text[/] \\", "plain [red]text[/] \\"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("bell\x07 null\x00 delete\x7f", "bell␇ null␀ delete␡"),
        ("c1 \x9b2J", "c1 \ufffd2J"),
        ("a\tb", "a   b"),
        ("one\r\ntwo", "one␍␊two"),
        ("user\u202egnp.exe", "user\ufffdgnp.exe"),
        ("name\u200bid", "name·id"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("👩\u200d💻 ❤\ufe0f 👍\U0001f3fd", "👩💻 ❤ 👍"),
        ("é ü ñ 漢字 שלום", "é ü ñ 漢字 שלום"),
        ("", ""),
    ],
)
def test_foreign_text_is_shown_without_its_effects(text: str, shown: str) -> None:
    assert display_text(text) == shown


def test_bytes_are_read_as_utf8_and_repaired() -> None:
    assert display_text(b"caf\xc3\xa9 \xff\x1b") == "café \ufffd␛"


def test_a_long_text_is_cut_with_a_mark_and_the_rest_is_never_looked_at() -> None:
    shown = display_text("x" * 10_000_000)
    assert shown == "x" * LINE_LIMIT + "…"
    assert display_text("x" * 2000, limit=None) == "x" * 2000
    assert display_text("ab", limit=2) == "ab"


def test_newlines_stay_when_they_are_wanted() -> None:
    assert display_text("a\r\nb\x1b\nc", keep_newlines=True) == "a\nb␛\nc"


def test_marks_piled_on_one_letter_are_taken_down_to_three() -> None:
    assert display_text("z" + "\u0301\u200d" * 50) == "z" + "\u0301" * 3


def test_lines_are_split_and_counted() -> None:
    assert display_lines("a\r\nb\x07\nc\nd", max_lines=2) == ["a", "b␇", "… 2 more lines"]
    assert display_lines("") == [""]


@given(st.text(alphabet=st.characters(), max_size=200))
def test_no_text_keeps_anything_a_terminal_acts_on(text: str) -> None:
    shown = display_text(text)
    assert not ACTIVE.search(shown)
    shown.encode()  # a lone surrogate would raise
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in shown)
    assert display_text(shown) == shown


@given(st.binary(max_size=200))
def test_no_bytes_keep_anything_a_terminal_acts_on(data: bytes) -> None:
    assert not ACTIVE.search(display_text(data))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("go", "go"),
        ("two words", "'two words'"),
        ("a  b", "'a␣␣b'"),
        ("a\tb", "'a␉b'"),
        ("a\u00a0b", "'a␣b'"),
        ("a" + " " * 5000 + "rm", "'a␣⟨5000 blanks⟩␣rm'"),
        ("\x1b[2J", "'␛[2J'"),
        ("x" * (LINE_LIMIT + 1), "x" * (LINE_LIMIT + 1)),
        ("", "''"),
    ],
)
def test_a_word_to_agree_to_is_whole_inert_and_shows_its_blanks(text: str, shown: str) -> None:
    assert exact_word(text) == shown


def test_a_command_and_its_variables_are_quoted_word_by_word() -> None:
    assert exact_command(("sh", "-c", "echo hi; rm x")) == "sh -c 'echo hi; rm x'"
    assert exact_env({"B": "2 3", "A": "1"}) == ["A=1", "B='2 3'"]
