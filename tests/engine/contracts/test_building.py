from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contracts import api_pb2 as api
from engine.contracts.codec import build, to_value
from engine.contracts.host import cache_pb2, http_pb2
from engine.contracts.registry import message_type
from engine.errors import InvalidRequest
from tests.engine.contracts.everything import everything

EVERYTHING = everything()


def refusal(type_: type[Message], value: Mapping[str, object]) -> tuple[str, str | None, str | None]:
    """Summary, pointer and hint of the error that building raises."""
    with pytest.raises(InvalidRequest) as caught:
        build(type_, value)
    error = caught.value
    return error.summary, error.place.pointer if error.place else None, error.hint


def test_nothing_makes_the_default_message() -> None:
    assert build(api.ArtistMBIDRequest, None) == api.ArtistMBIDRequest()


def test_a_message_is_copied_so_that_later_changes_do_not_reach_it() -> None:
    given_message = api.ArtistMBIDRequest(name="before")
    built = build(api.ArtistMBIDRequest, given_message)
    given_message.name = "after"
    assert built.name == "before"


def test_a_message_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"expected api\.ArtistMBIDRequest, got api\.Artist"):
        build(api.ArtistMBIDRequest, api.Artist())


def test_a_nested_value_becomes_a_message() -> None:
    request = build(
        api.ScrobblerScrobbleRequest,
        {
            "user_id": "u",
            "track": {"name": "t", "artists": [{"name": "a"}, {}], "length": 12},
            "timestamp": "1700000000",
        },
    )
    assert request == api.ScrobblerScrobbleRequest(
        user_id="u",
        track=api.TrackInfo(name="t", artists=[api.Artist(name="a"), api.Artist()], length=12),
        timestamp=1_700_000_000,
    )


def test_embedded_messages_may_be_given_as_messages() -> None:
    track = api.TrackInfo(name="t", artists=[api.Artist(name="a")])
    assert build(api.ScrobblerScrobbleRequest, {"track": track}).track == track


def test_an_empty_object_makes_an_embedded_message_present() -> None:
    assert build(api.AlbumInfoResponse, {"info": {}}).HasField("info")
    assert not build(api.AlbumInfoResponse, {"info": None}).HasField("info")


def test_null_leaves_a_field_at_its_default() -> None:
    assert build(api.ArtistSimilarRequest, {"name": None, "limit": None}) == api.ArtistSimilarRequest()


def test_fields_may_be_written_in_camel_case() -> None:
    assert build(api.ScrobblerIsAuthorizedRequest, {"userId": "u"}).user_id == "u"


def test_a_field_written_under_both_names_is_refused() -> None:
    summary, pointer, _ = refusal(api.ScrobblerIsAuthorizedRequest, {"userId": "u", "user_id": "u"})
    assert summary == "user_id: given twice, under both of its names"
    assert pointer == "user_id"


@pytest.mark.parametrize(
    ("type_name", "value", "summary"),
    [
        ("api.ArtistMBIDRequest", {"name": 3}, "name: expected a string, got 3"),
        ("api.ArtistMBIDRequest", {"name": ["x"]}, "name: expected a string, got a list"),
        ("api.ArtistMBIDRequest", {"name": "a\ud800"}, "name: character 2 is half of a surrogate pair"),
        ("api.ArtistSimilarRequest", {"limit": "ten"}, 'limit: expected an integer, got "ten"'),
        ("api.ArtistSimilarRequest", {"limit": 1.5}, "limit: expected an integer, got 1.5"),
        ("api.ArtistSimilarRequest", {"limit": True}, "limit: expected an integer, got true"),
        (
            "api.ArtistSimilarRequest",
            {"limit": 2**31},
            "limit: expected an integer from -2147483648 to 2147483647, got 2147483648",
        ),
        ("api.ArtistSimilarRequest", {"limit": 10**5000}, "got a very large number"),
        ("api.ArtistSimilarRequest", {"limit": "1e999"}, 'got "1e999"'),
        ("api.ArtistSimilarRequest", {"limit": "9" * 10_000}, "limit: expected an integer, got"),
        ("api.ArtistSimilarRequest", {"limit": math.nan}, "got nan"),
        ("api.ArtistSimilarRequest", {"limit": math.inf}, "got inf"),
        ("api.ScrobblerIsAuthorizedResponse", {"authorized": 1}, "authorized: expected true or false, got 1"),
        ("api.ScrobblerIsAuthorizedResponse", {"authorized": "true"}, 'expected true or false, got "true"'),
        ("api.ScrobblerScrobbleRequest", {"track": "x"}, 'track: expected an object, got "x"'),
        ("api.ScrobblerScrobbleRequest", {"track": []}, "track: expected an object, got a list"),
        ("api.ScrobblerScrobbleRequest", {"track": {"length": "x"}}, 'track.length: expected an integer, got "x"'),
        (
            "api.ScrobblerScrobbleRequest",
            {"track": {"artists": [{}, {"name": 3}]}},
            "track.artists[1].name: expected a string, got 3",
        ),
        ("api.ArtistSimilarResponse", {"artists": {}}, "artists: expected a list, got an object"),
        ("api.ArtistSimilarResponse", {"artists": [None]}, "artists[0]: expected an object, got null"),
        ("api.InitRequest", {"config": []}, "config: expected an object, got a list"),
        ("api.InitRequest", {"config": {"some.key": 1}}, "config.some.key: expected a string, got 1"),
        ("api.InitRequest", {"config": {"k": None}}, "config.k: expected a string, got null"),
        ("api.InitRequest", {"config": {3: "v"}}, "config.3: the key does not fit: expected a string, got 3"),
        ("http.HttpRequest", {"body": "not base64!"}, 'body: expected bytes as base64 text, got "not base64!"'),
        ("http.HttpRequest", {"body": "é"}, 'body: expected bytes as base64 text, got "é"'),
        ("http.HttpRequest", {"body": 1}, "body: expected bytes as base64 text, got 1"),
        ("cache.SetFloatRequest", {"value": "x"}, 'value: expected a number, got "x"'),
        ("cache.SetFloatRequest", {"value": "1e400"}, 'value: expected a number that fits 64 bits, got "1e400"'),
        ("cache.SetFloatRequest", {"value": 10**400}, "value: expected a number that fits 64 bits"),
        ("cache.SetFloatRequest", {"value": False}, "value: expected a number, got false"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_the_field_and_what_it_expects(
    type_name: str, value: dict[str, object], summary: str
) -> None:
    text, pointer, _ = refusal(message_type(type_name), value)
    assert summary in text
    assert text.startswith(f"{pointer}: ")


def test_the_pointer_names_the_field_through_lists_and_messages() -> None:
    _, pointer, _ = refusal(api.ScrobblerScrobbleRequest, {"track": {"artists": [{"name": 3}]}})
    assert pointer == "track.artists[0].name"


def test_an_unknown_field_is_refused_with_the_nearest_name() -> None:
    assert refusal(api.ScrobblerScrobbleRequest, {"track": {"album_mbdi": "x"}}) == (
        "track.album_mbdi: TrackInfo has no such field",
        "track.album_mbdi",
        'Did you mean "album_mbid"?',
    )


def test_an_unknown_field_that_resembles_none_is_refused_with_all_there_are() -> None:
    _, _, hint = refusal(api.ArtistMBIDRequest, {"zzzz": 1})
    assert hint == "The fields of ArtistMBIDRequest are: id, name."


def test_a_message_without_fields_says_so() -> None:
    _, _, hint = refusal(message_type("config.GetPluginConfigRequest"), {"x": 1})
    assert hint == "GetPluginConfigRequest has no fields: write {}."


def test_long_foreign_text_is_cut_in_errors() -> None:
    summary, _, _ = refusal(api.ArtistMBIDRequest, {"x" * 1_000_000: 1})
    assert len(summary) < 200
    summary, _, _ = refusal(api.ArtistSimilarRequest, {"limit": "x" * 1_000_000})
    assert len(summary) < 200


@pytest.mark.parametrize("text", ["-_-_", "+/+/", "+/8=", "+/8", b"\xfb\xff\xbf", bytearray(b"\x00"), ""])
def test_bytes_are_read_from_base64_of_either_alphabet_and_from_bytes(text: str | bytes) -> None:
    expected = {"-_-_": b"\xfb\xff\xbf", "+/+/": b"\xfb\xff\xbf", "+/8=": b"\xfb\xff", "+/8": b"\xfb\xff", "": b""}
    body = build(http_pb2.HttpRequest, {"body": text}).body
    assert body == (expected[text] if isinstance(text, str) else text)


@pytest.mark.parametrize(
    ("value", "expected"), [(5, 5), ("5", 5), (5.0, 5), ("5.0", 5), ("1e2", 100), (-(2**63), -(2**63)), ("-0", 0)]
)
def test_integers_are_read_from_numbers_and_texts(value: object, expected: int) -> None:
    assert build(cache_pb2.SetIntRequest, {"value": value}).value == expected


def test_64_bit_numbers_keep_every_digit() -> None:
    assert build(cache_pb2.SetIntRequest, {"value": "9223372036854775807"}).value == 2**63 - 1


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", math.inf, "1.5", 3, -0.0])
def test_doubles_are_read_from_numbers_and_texts(value: str | float) -> None:
    assert build(cache_pb2.SetFloatRequest, {"value": value}).value == float(value)


def test_not_a_number_is_a_double() -> None:
    assert math.isnan(build(cache_pb2.SetFloatRequest, {"value": "NaN"}).value)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        *((f"a_{name}", -(2**31), 2**31 - 1) for name in ("int32", "sint32", "sfixed32")),
        *((f"a_{name}", -(2**63), 2**63 - 1) for name in ("int64", "sint64", "sfixed64")),
        *((f"a_{name}", 0, 2**32 - 1) for name in ("uint32", "fixed32")),
        *((f"a_{name}", 0, 2**64 - 1) for name in ("uint64", "fixed64")),
    ],
)
def test_every_integer_type_has_its_own_range(field: str, lowest: int, highest: int) -> None:
    for value in (lowest, highest):
        assert getattr(build(EVERYTHING, {field: value}), field) == value
    for value in (lowest - 1, highest + 1):
        summary, _, _ = refusal(EVERYTHING, {field: value})
        assert summary == f"{field}: expected an integer from {lowest} to {highest}, got {value}"


def test_a_32_bit_float_is_refused_a_number_beyond_it() -> None:
    assert build(EVERYTHING, {"a_float": 1.5}) == build(EVERYTHING, {"a_float": "1.5"})
    summary, _, _ = refusal(EVERYTHING, {"a_float": 1e39})
    assert summary == "a_float: expected a number that fits 32 bits, got 1e+39"


def test_an_enum_is_read_from_its_name_or_number() -> None:
    assert to_value(build(EVERYTHING, {"an_enum": "RED"}))["an_enum"] == "RED"
    assert to_value(build(EVERYTHING, {"an_enum": 3}))["an_enum"] == "RED"
    summary, _, _ = refusal(EVERYTHING, {"an_enum": "BLUE"})
    assert summary == 'an_enum: expected one of GREY, RED, got "BLUE"'


def test_a_map_may_have_keys_that_are_no_text_and_values_that_are_messages() -> None:
    message = build(EVERYTHING, {"flags": {"true": {"a_string": "yes"}, "false": {}}})
    flags = to_value(message)["flags"]
    assert isinstance(flags, dict)
    assert set(flags) == {"true", "false"}
    summary, pointer, _ = refusal(EVERYTHING, {"flags": {"maybe": {}}})
    assert summary == 'flags.maybe: the key does not fit: expected true or false, got "maybe"'
    assert pointer == "flags.maybe"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["track", "artists", "name", "length", "timestamp", "user_id", "x"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=300)
def test_any_value_is_either_built_or_refused(value: object) -> None:
    try:
        message = build(api.ScrobblerScrobbleRequest, {"track": value, "timestamp": value})
    except InvalidRequest as error:
        assert error.place is not None
    else:
        assert build(api.ScrobblerScrobbleRequest, to_value(message)) == message
