"""Strict JSON: what is refused, where it says so, and that everything else agrees with the standard reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.plugins.strict_json import DEPTH_LIMIT, JsonError, Position, locate, parse, pointer
from tests.engine.plugins.manifests import JSON_VALUES


@settings(deadline=None)
@given(JSON_VALUES)
def test_whatever_the_standard_library_writes_is_read_back(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2)):
        if not any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            assert parse(text.encode()) == json.loads(text)


@settings(deadline=None)
@given(
    st.binary(max_size=60)
    | st.text(max_size=60).map(str.encode)
    | st.text('{}[]":,\\u0123456789eE+-. \n').map(str.encode)
)
def test_any_bytes_give_a_value_or_a_json_error(data: bytes) -> None:
    try:
        value = parse(data)
    except JsonError as error:
        assert error.position.line >= 1
        assert error.position.column >= 1
    else:
        assert value == json.loads(data)


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("", "unexpected end of the file", 1, 1),
        ('{\n "a": NaN}', "NaN is not a JSON value", 2, 7),
        ('{\n "a": -Infinity}', "-Infinity is not a JSON value", 2, 7),
        ('{"a": nul}', "nul is not a JSON value", 1, 7),
        ('{"a": 1,\n "a": 2}', 'the key "a" is given twice', 2, 2),
        ('{"a": 1} x', "unexpected text after the end of the JSON value", 1, 10),
        ('{"a": 1,}', 'unexpected "}" after a comma', 1, 9),
        ("[1, 2,\n]", 'unexpected "]" after a comma', 2, 1),
        ('{"a" 1}', 'expected ":" after the key', 1, 6),
        ('{"a": 1 "b": 2}', 'expected "," or "}"', 1, 9),
        ("{'a': 1}", "expected a key in double quotes", 1, 2),
        ('{"a": "b}', "this text is not closed", 1, 7),
        ('{"a": "b\tc"}', "a control character inside a text must be written as an escape", 1, 9),
        ('["\\x"]', "unknown escape in a text", 1, 3),
        ('["\\u12g4"]', "expected four hexadecimal digits after \\u", 1, 3),
        ("[01]", "expected a JSON value", 1, 2),
        ("[1.]", "expected a JSON value", 1, 2),
        ("[1e999]", "this number is too large", 1, 2),
        ("[" + "9" * 400 + "]", "this number is too large", 1, 2),
        ("[" * (DEPTH_LIMIT + 2), f"nested deeper than {DEPTH_LIMIT} levels", 1, DEPTH_LIMIT + 2),
    ],
)
def test_what_is_not_strict_json_is_refused_at_its_place(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(JsonError) as caught:
        parse(text.encode())
    assert (str(caught.value), caught.value.position) == (message, Position(line, column))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xef\xbb\xbf{}", "the file starts with a byte order mark, save it without one"),
        ("{}".encode("utf-16"), "the file is UTF-16, it must be UTF-8"),
        (b'{\n"a": "\xff"}', "not valid UTF-8"),
    ],
)
def test_other_encodings_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(JsonError, match=message):
        parse(data)


def test_arrays_up_to_the_depth_limit_are_read() -> None:
    value = parse(b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT)
    for _ in range(DEPTH_LIMIT - 1):
        assert isinstance(value, list)
        value = value[0]
    assert value == []


def test_surrogate_pairs_are_joined_and_halves_are_replaced() -> None:
    assert parse(rb'["\ud83d\ude00", "\ud83d", "\ude00x", "\ud83d\u0041"]') == ["😀", "\ufffd", "\ufffdx", "\ufffdA"]


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("name",), 2, 3),
        (("list", 1), 3, 18),
        (("deep", "key"), 5, 4),
        (("deep", "missing"), 4, 3),
        (("absent",), 1, 1),
    ],
)
def test_a_value_is_found_again_or_else_what_encloses_it(path: tuple[str | int, ...], line: int, column: int) -> None:
    text = b'{\n  "name": "x",\n  "list": [true, false],\n  "deep": {\n   "key": null\n  }\n}'
    assert locate(text, path) == Position(line, column)


def test_a_pointer_escapes_slashes_and_tildes() -> None:
    assert pointer(("a", 0, "https://x/~y")) == "/a/0/https:~1~1x~1~0y"
