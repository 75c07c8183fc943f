from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.contracts import api_pb2 as api
from engine.contracts.codec import DecodeError, build, decode, encode, to_value
from engine.contracts.host import cache_pb2, http_pb2
from engine.contracts.wire_scan import MAX_VALUES
from tests.engine.contracts.everything import everything

BAD = b"\xff\xfe"
REPAIRED = "\ufffd\ufffd"


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of fewer than 128 bytes."""
    return bytes((number << 3 | 2, len(content))) + content


def test_an_empty_message_is_the_default_one() -> None:
    decoded = decode(api.ArtistMBIDResponse, b"")
    assert decoded.message == api.ArtistMBIDResponse()
    assert not decoded.is_repaired


@pytest.mark.parametrize(
    "unknown",
    [b"\x78\x01", b"\x79" + bytes(8), b"\x7a\x01x", b"\x7d" + bytes(4), b"\x7b\x08\x01\x7b\x7c\x7c"],
    ids=["varint", "fixed64", "length", "fixed32", "nested groups"],
)
def test_unknown_fields_of_any_wire_type_are_skipped(unknown: bytes) -> None:
    decoded = decode(api.ArtistMBIDResponse, unknown + field(1, b"abc"))
    assert to_value(decoded.message) == {"mbid": "abc"}


def test_an_embedded_message_given_twice_is_merged() -> None:
    decoded = decode(api.AlbumInfoResponse, field(1, field(1, b"name")) + field(1, field(2, b"mbid")))
    assert to_value(decoded.message) == {"info": {"name": "name", "mbid": "mbid", "description": "", "url": ""}}


def test_map_entries_may_lack_parts_and_the_last_of_a_key_wins() -> None:
    entries = field(1, field(1, b"k") + field(2, b"1")) + field(1, field(1, b"k")) + field(1, field(2, b"no key"))
    decoded = decode(api.InitRequest, entries)
    assert to_value(decoded.message) == {"config": {"k": "", "": "no key"}}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (field(1, BAD), {"url": REPAIRED}),
        (field(2, field(1, BAD) + field(2, b"v")), {"headers": {REPAIRED: "v"}}),
        (field(2, field(1, b"k") + field(2, BAD)), {"headers": {"k": REPAIRED}}),
        (field(1, BAD) + field(1, b"last wins"), {"url": "last wins"}),
        (field(1, b"\xed\xa0\x80"), {"url": "\ufffd\ufffd\ufffd"}),
        (field(1, b"cut \xe2\x82"), {"url": "cut \ufffd"}),
    ],
    ids=["singular", "map key", "map value", "overridden", "surrogate", "cut off"],
)
def test_invalid_utf8_is_repaired(data: bytes, expected: dict[str, object]) -> None:
    decoded = decode(http_pb2.HttpRequest, data + field(4, BAD))
    assert decoded.is_repaired
    # Bytes are no text: they come through as they are.
    assert to_value(decoded.message) == {"url": "", "headers": {}, "timeout_ms": 0, "body": "//4="} | expected


def test_invalid_utf8_is_repaired_at_any_depth() -> None:
    artist = field(6, field(1, BAD) + field(2, b"ok"))
    decoded = decode(api.ScrobblerScrobbleRequest, field(3, artist + artist))
    assert decoded.is_repaired
    assert isinstance(decoded.message, api.ScrobblerScrobbleRequest)
    assert [(artist.name, artist.mbid) for artist in decoded.message.track.artists] == [(REPAIRED, "ok")] * 2


def test_invalid_utf8_is_repaired_in_a_list_of_texts() -> None:
    message_type = everything()
    data = b"\x92\x01\x02ok\x92\x01\x02" + BAD
    decoded = decode(message_type, data)
    assert to_value(decoded.message)["texts"] == ["ok", REPAIRED]


def test_repairing_leaves_unknown_fields_in_place() -> None:
    decoded = decode(api.ArtistMBIDResponse, field(1, BAD) + field(9, BAD))
    assert encode(decoded.message).endswith(field(9, BAD))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0a05616263", "byte 1: mbid should be 5 bytes long, but only 3 are left"),
        ("0a", "byte 1: mbid is cut off in the middle of a number"),
        ("0a8080", "byte 1: mbid is cut off in the middle of a number"),
        ("0a80808080808080808080", "byte 1: mbid has a number of more than 10 bytes"),
        ("7880808080808080808080", "byte 1: field 15 has a number of more than 10 bytes"),
        ("0201", "byte 0: 0 is not a field number"),
        ("0e", "byte 0: field 1 has wire type 6, which does not exist"),
        ("790000", "byte 1: field 15 should be 8 bytes long, but only 2 are left"),
        ("0c", "byte 0: mbid ends a group that was not started"),
        ("7b0801", "byte 1: field 15 starts a group that does not end"),
        ("7b0801740a", "byte 3: field 14 ends a group that was not started"),
    ],
)
def test_malformed_input_is_refused_with_its_first_fault(data: str, reason: str) -> None:
    raw = bytes.fromhex(data)
    with pytest.raises(DecodeError) as caught:
        decode(api.ArtistMBIDResponse, raw)
    assert caught.value.summary == f"the {len(raw)} bytes are not a valid api.ArtistMBIDResponse: {reason}"


def test_a_fault_inside_an_embedded_message_is_told_with_the_path_of_its_field() -> None:
    with pytest.raises(DecodeError, match=r"byte 3: info\.name should be 9 bytes long, but only 1 are left"):
        decode(api.AlbumInfoResponse, b"\x0a\x03\x0a\x09x")


def test_malformed_input_is_refused_even_where_text_is_bad_as_well() -> None:
    with pytest.raises(DecodeError, match="byte 5: field 15 is cut off"):
        decode(api.ArtistMBIDResponse, field(1, BAD) + b"\x78")


def test_groups_nested_without_end_are_refused() -> None:
    with pytest.raises(DecodeError, match="groups are nested more than 100 deep"):
        decode(api.ArtistMBIDResponse, b"\x7b" * 100_000)


def test_a_message_of_very_many_tiny_values_is_refused_before_it_takes_memory() -> None:
    with pytest.raises(DecodeError, match=f"it holds more than {MAX_VALUES} values"):
        decode(api.ArtistSimilarResponse, field(1, b"") * (MAX_VALUES + 1))


def test_a_long_message_of_few_values_is_read() -> None:
    request = cache_pb2.SetBytesRequest(key="k", value=bytes(8 * 1024 * 1024))
    assert decode(cache_pb2.SetBytesRequest, encode(request)).message == request


@given(st.binary(max_size=60))
@example(field(1, field(6, BAD)))
@settings(max_examples=300)
def test_any_bytes_are_either_read_or_refused(data: bytes) -> None:
    try:
        decoded = decode(api.ScrobblerScrobbleRequest, data)
    except DecodeError as error:
        assert error.summary.startswith(f"the {len(data)} bytes are not a valid api.ScrobblerScrobbleRequest")
    else:
        # What was read can be written, and is then valid.
        again = decode(api.ScrobblerScrobbleRequest, encode(decoded.message))
        assert again.message == decoded.message
        assert not again.is_repaired


def test_equal_messages_are_written_with_equal_bytes() -> None:
    names = [str(number) for number in range(50)]
    one = api.InitRequest(config={name: "x" for name in names})
    other = api.InitRequest(config={name: "x" for name in reversed(names)})
    assert encode(one) == encode(other)


def test_negative_numbers_take_ten_bytes() -> None:
    assert encode(api.ArtistSimilarRequest(limit=-1)).hex() == "20" + "ff" * 9 + "01"


def test_a_value_has_all_fields_without_presence_under_their_own_names() -> None:
    assert to_value(api.ScrobblerNowPlayingRequest(user_id="u", timestamp=2**40)) == {
        "user_id": "u",
        "username": "",
        "timestamp": "1099511627776",
    }
    assert to_value(api.ArtistTopSongsRequest()) == {"id": "", "artistName": "", "mbid": "", "count": 0}


def test_a_value_holds_bytes_as_base64_and_special_numbers_as_text() -> None:
    assert to_value(cache_pb2.GetBytesResponse(exists=True, value=b"\x00\xff")) == {"exists": True, "value": "AP8="}
    assert to_value(cache_pb2.GetFloatResponse(value=float("nan"))) == {"exists": False, "value": "NaN"}
    assert to_value(cache_pb2.GetFloatResponse(value=float("-inf"))) == {"exists": False, "value": "-Infinity"}


def test_fields_come_in_the_order_of_the_proto_file_whether_set_or_not() -> None:
    track = api.TrackInfo(position=3, artists=[api.Artist(mbid="m")], name="n")
    value = to_value(api.ScrobblerScrobbleRequest(track=track, user_id="u"))
    assert list(value) == ["user_id", "username", "track", "timestamp"]
    nested = value["track"]
    assert isinstance(nested, dict)
    assert list(nested) == [field.name for field in api.TrackInfo.DESCRIPTOR.fields]
    assert [list(artist) for artist in nested["artists"]] == [["name", "mbid"]]


def test_a_value_lists_fields_in_the_order_of_the_contract_at_any_depth() -> None:
    request = api.ScrobblerNowPlayingRequest(
        timestamp=1, track=api.TrackInfo(position=1, artists=[api.Artist(mbid="m")])
    )
    value = to_value(request)
    assert list(value) == ["user_id", "username", "track", "timestamp"]
    track = value["track"]
    assert isinstance(track, dict)
    assert list(track) == [field.name for field in api.TrackInfo.DESCRIPTOR.fields]
    assert list(track["artists"][0]) == ["name", "mbid"]


def test_a_value_lists_the_members_of_maps_by_key() -> None:
    config = to_value(api.InitRequest(config={name: "x" for name in "badc"}))["config"]
    assert isinstance(config, dict)
    assert list(config) == ["a", "b", "c", "d"]
    flags = to_value(build(everything(), {"flags": {"true": {"a_string": "s"}, "false": {}}}))["flags"]
    assert isinstance(flags, dict)
    assert list(flags) == ["false", "true"]
    assert list(flags["true"])[:5] == ["a_double", "a_float", "a_bool", "a_string", "a_bytes"]
