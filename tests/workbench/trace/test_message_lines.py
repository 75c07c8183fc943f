from __future__ import annotations

from engine.contracts.api_pb2 import Artist, ArtistBiographyResponse, ArtistSimilarResponse
from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from workbench.trace.message_lines import (
    MAX_HEX_BYTES,
    MAX_ITEMS,
    MAX_TEXT,
    LineKind,
    body_lines,
    bytes_fields,
    hex_lines,
    json_lines,
    lines_of,
    shortened,
    shortening_note,
    wire_lines,
)


def test_json_is_indented_and_inert() -> None:
    assert [line.text for line in json_lines({"a": "\x1bé\u202e"})] == ["{", '  "a": "\\u001bé\ufffd"', "}"]


def test_long_foreign_text_is_cut_and_says_so() -> None:
    lines = lines_of(LineKind.TEXT, "x" * (MAX_TEXT + 1))
    assert [line.kind for line in lines] == [LineKind.TEXT, LineKind.NOTE]
    assert lines[1].text == "… cut here, 64.0 KiB in all"


def test_bytes_are_dumped_sixteen_in_a_line() -> None:
    lines = hex_lines(bytes(range(0x3E, 0x50)))
    assert lines[0].text == "00000000  3e 3f 40 41 42 43 44 45  46 47 48 49 4a 4b 4c 4d  >?@ABCDEFGHIJKLM"
    assert lines[1].text == "00000010  4e 4f" + " " * 45 + "NO"


def test_a_long_dump_ends_with_what_is_left() -> None:
    lines = hex_lines(b"\x00" * (MAX_HEX_BYTES + 1024))
    assert len(lines) == MAX_HEX_BYTES // 16 + 1
    assert lines[-1].text == "… 1.00 KiB more"


def test_a_body_is_shown_as_what_it_is() -> None:
    assert [line.text for line in body_lines(b'{"a":[1]}', reveal=False)] == ["{", '  "a": [', "    1", "  ]", "}"]
    assert [line.kind for line in body_lines(b"two\nlines", reveal=False)] == [LineKind.TEXT, LineKind.TEXT]
    assert body_lines(b"\x89PNG\r\n\x1a\n", reveal=False)[0].kind is LineKind.HEX
    assert body_lines(b"nul\x00byte", reveal=False)[0].kind is LineKind.HEX
    assert body_lines(b"[" * 5000, reveal=False)[0].kind is LineKind.TEXT
    assert body_lines(b'{"not json', reveal=False)[0].text == '{"not json'


def test_a_large_body_of_text_is_cut_between_characters() -> None:
    lines = body_lines(("é" * MAX_TEXT).encode(), reveal=False)
    assert lines[0].kind is LineKind.TEXT
    assert set(lines[0].text) == {"é"}
    assert lines[-1].text == "… cut here, 128 KiB in all"


def test_secrets_in_a_body_are_hidden_unless_asked_for() -> None:
    body = b'{"token": "abc"}'
    assert body_lines(body, reveal=False)[1].text == '  "token": "••••••"'
    assert body_lines(body, reveal=True)[1].text == '  "token": "abc"'


def test_only_bytes_fields_that_hold_something_are_bodies() -> None:
    assert dict(bytes_fields(HttpResponse(status=200, body=b"x", error="e"))) == {"body": b"x"}
    assert dict(bytes_fields(HttpResponse(status=200))) == {}


def test_a_small_message_is_shown_as_it_is() -> None:
    message = ArtistBiographyResponse(biography="short")
    assert shortened(message) is message
    assert shortening_note(message) is None


def test_a_large_message_is_cut_before_it_is_shown() -> None:
    biography = ArtistBiographyResponse(biography="x" * (MAX_TEXT + 50))
    cut = shortened(biography)
    assert isinstance(cut, ArtistBiographyResponse)
    assert cut.biography == "x" * MAX_TEXT + "…"
    many = ArtistSimilarResponse(artists=[Artist(name=f"artist number {number}") for number in range(10_000)])
    few = shortened(many)
    assert isinstance(few, ArtistSimilarResponse)
    assert len(few.artists) == MAX_ITEMS
    assert few.artists[0].name == "artist number 0"
    headers = {f"header-{number}": "x" * 100 for number in range(2000)}
    request = shortened(HttpRequest(headers=headers, body=b"y" * (2 * MAX_TEXT)))
    assert isinstance(request, HttpRequest)
    assert len(request.headers) == MAX_ITEMS
    assert len(request.body) == MAX_TEXT
    note = shortening_note(many)
    assert note is not None
    assert note.text.startswith("large message, ")


def test_the_wire_form_is_the_encoded_message() -> None:
    assert wire_lines(Artist(name="Nina"))[0].text.startswith("00000000  0a 04 4e 69 6e 61")
