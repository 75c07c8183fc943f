"""Request texts: strict JSON, errors with line and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.codec import build, to_value
from engine.contracts.registry import find_method
from engine.errors import InvalidRequest, Place
from workbench.requests import message_from_json

BIOGRAPHY = find_method("GetArtistBiography").request_type
SCROBBLE = find_method("Scrobbler.Scrobble").request_type


def refused(text: bytes, *, file: Path | None = None) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        message_from_json(SCROBBLE, text, file=file)
    return caught.value


def test_a_request_is_read_as_its_message() -> None:
    message = message_from_json(SCROBBLE, b'{"username": "nina", "track": {"artists": [{"name": "Bj\xc3\xb6rk"}]}}')
    assert message == build(SCROBBLE, {"username": "nina", "track": {"artists": [{"name": "Björk"}]}})


def test_a_syntax_error_has_its_line_and_column_and_the_file() -> None:
    error = refused(b'{\n  "username": "nina",\n}', file=Path("request.json"))
    assert error.place == Place(file=Path("request.json"), line=3, column=1)
    assert "not valid JSON" in error.summary


def test_a_field_that_does_not_fit_has_its_line_too() -> None:
    error = refused(b'{\n "username": "nina",\n "track": {\n  "artists": [{"name": "a"}, {"name": 3}]\n }\n}')
    assert error.place is not None
    assert (error.place.line, error.place.pointer) == (4, "track.artists[1].name")


def test_an_unknown_field_names_the_nearest_one() -> None:
    error = refused(b'{"usrname": "nina"}')
    assert error.place is not None and error.place.line == 1
    assert "username" in f"{error.summary} {error.hint}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "unexpected end"),
        (b"[1]", "must be a JSON object, not an array"),
        (b"null", "not null"),
        (b'"x"', "not a text"),
        (b"3", "not a number"),
        (b"true", "not a boolean"),
        (b'{"username": NaN}', "not valid JSON"),
        (b'{"username": "a", "username": "b"}', "given twice"),
        (b'{"username": "\xff"}', "not valid UTF-8"),
        (b"[" * 100_000, "nested deeper"),
        (b" " * (16 * 1024 * 1024 + 1), "longer than"),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(text: bytes, words: str) -> None:
    assert words in refused(text).summary


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_give_a_message_or_an_invalid_request(text: bytes) -> None:
    try:
        message = message_from_json(BIOGRAPHY, text)
    except InvalidRequest as error:
        assert error.place is not None
    else:
        assert to_value(message).keys() == {"id", "name", "mbid"}
