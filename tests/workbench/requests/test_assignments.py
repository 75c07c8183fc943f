"""`--set field=value`: paths, types and what is refused."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from engine.contracts.codec import build, to_value
from engine.contracts.registry import find_method
from engine.errors import InvalidRequest
from workbench.requests import assign

SCROBBLE = find_method("Scrobbler.Scrobble").request_type
CALLBACK = find_method("OnSchedulerCallback").request_type
ON_INIT = find_method("OnInit").request_type


def set_in(request_type: type[Message], *assignments: str) -> dict[str, object]:
    return to_value(assign(request_type(), assignments))


def refusal(request_type: type[Message], *assignments: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        assign(request_type(), assignments)
    return caught.value


def test_fields_are_typed_by_the_descriptor() -> None:
    message = assign(SCROBBLE(), ["user_id=1", "timestamp=1700000000", "track.length=215"])
    expected = {"user_id": "1", "timestamp": 1_700_000_000, "track": {"length": 215}}
    assert message == build(SCROBBLE, expected)


def test_paths_reach_into_messages_and_lists() -> None:
    value = set_in(
        SCROBBLE,
        "track.name=Four Women",
        "track.artists[0].name=Nina Simone",
        "track.artists[1].name=Someone Else",
        "track.artists[0].mbid=abc",
    )
    track = value["track"]
    assert isinstance(track, dict)
    assert track["name"] == "Four Women"
    assert track["artists"] == [{"name": "Nina Simone", "mbid": "abc"}, {"name": "Someone Else", "mbid": ""}]


def test_lists_and_messages_can_be_given_as_json() -> None:
    value = set_in(SCROBBLE, 'track={"name": "x"}', 'track.artists=[{"name": "a"}]', 'track.artists[1]={"name": "b"}')
    track = value["track"]
    assert isinstance(track, dict)
    assert [artist["name"] for artist in track["artists"]] == ["a", "b"]
    assert track["name"] == "x"


def test_the_key_of_a_map_is_all_that_follows_the_field() -> None:
    assert set_in(ON_INIT, "config.base.url=http://x/?a=b", "config.key=") == {
        "config": {"base.url": "http://x/?a=b", "key": ""}
    }


def test_bytes_are_text_or_base64_after_a_prefix() -> None:
    assert set_in(CALLBACK, "payload=hé")["payload"] == "aMOp"
    assert set_in(CALLBACK, "payload=base64:AAH/")["payload"] == "AAH/"


def test_booleans_are_true_or_false_and_nothing_else() -> None:
    assert set_in(CALLBACK, "is_recurring=true")["is_recurring"] is True
    assert set_in(CALLBACK, "is_recurring=true", "is_recurring=false")["is_recurring"] is False
    assert "is_recurring" in str(refusal(CALLBACK, "is_recurring=yes").place)


def test_values_set_earlier_stay_and_the_given_message_is_not_touched() -> None:
    message = build(SCROBBLE, {"username": "nina", "track": {"album": "Pastel Blues"}})
    value = to_value(assign(message, ["track.name=Sinnerman"]))
    track = value["track"]
    assert isinstance(track, dict)
    assert (value["username"], track["album"], track["name"]) == ("nina", "Pastel Blues", "Sinnerman")
    assert to_value(message)["track"] == {**track, "name": ""}


@pytest.mark.parametrize(
    ("assignment", "pointer", "words"),
    [
        ("username", None, 'has no "="'),
        ("usrname=x", "usrname", "usrname"),
        ("track.nmae=x", "track.nmae", "nmae"),
        ("track.artists[1].name=x", "track.artists[1].name", "artists has 0 items"),
        ("track.artists.name=x", "track.artists.name", "artists is a list"),
        ("username.first=x", "username.first", "username has no fields of its own"),
        ("username[0]=x", "username[0]", "username is not a list"),
        ("timestamp=soon", "timestamp", "soon"),
        ("timestamp=99999999999999999999", "timestamp", "timestamp"),
        ("track.length=3000000000", "track.length", "track.length"),
        ("track=x", "track", "not JSON"),
        ("track.artists=[{]", "track.artists", "not JSON"),
        ("=x", "", "not a field path"),
        ("track..name=x", "track..name", "not a field path"),
        ("track.artists[-1].name=x", "track.artists[-1].name", "not a field path"),
        ("track.artists[9999999].name=x", "track.artists[9999999].name", "not a field path"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_field(assignment: str, pointer: str | None, words: str) -> None:
    error = refusal(SCROBBLE, assignment)
    place = "" if error.place is None else error.place.pointer or ""
    assert words in f"{error.summary} {place}"
    assert place == (pointer or "")


def test_a_misspelt_field_names_the_nearest_one() -> None:
    assert "username" in (refusal(SCROBBLE, "usrname=x").hint or "")


def test_text_that_is_not_unicode_is_refused_not_crashed_on() -> None:
    assert refusal(SCROBBLE, "username=\udcff").place is not None
