"""The JSON text of a draft: inert when written, with the place of the error when read."""

from __future__ import annotations

import pytest

from engine.contracts import api_pb2
from workbench.tui.drafts.json_text import SIZE_LIMIT, read_json, write_json


def test_characters_that_do_not_print_are_written_as_escapes() -> None:
    text = write_json({"message": "a\u202eb\u200bc\x1b", "name": "Låvesang"})
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "Låvesang" in text
    assert read_json(api_pb2.OnTextMessageRequest, write_json({"message": "\u200b"}))["message"] == "\u200b"


def test_an_empty_text_is_an_empty_request() -> None:
    assert read_json(api_pb2.ArtistMBIDRequest, " \n ") == {"id": "", "name": ""}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('{\n  "id": 1,\n  "name": "x"\n}', ("line 2", "id")),
        ('{"nane": "x"}', ("line 1", "nane")),
        ('{"id": "1",}', ("line 1",)),
        ("[1]", ("object",)),
        ('{"id": NaN}', ("line 1",)),
        ("[" * 100_000, ("line 1",)),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(text: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as refusal:
        read_json(api_pb2.ArtistMBIDRequest, text)
    assert "\n" not in str(refusal.value)
    assert all(part in str(refusal.value) for part in parts), str(refusal.value)


def test_a_text_beyond_the_limit_is_refused_without_being_read() -> None:
    with pytest.raises(ValueError, match="use a file"):
        read_json(api_pb2.ArtistMBIDRequest, " " * (SIZE_LIMIT + 1))
