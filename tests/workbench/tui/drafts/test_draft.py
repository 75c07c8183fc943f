"""Drafts: what is typed into a form, as rows, as errors and as ProtoJSON."""

from __future__ import annotations

import pytest

from engine.contracts import api_pb2
from engine.contracts.host import cache_pb2, http_pb2
from workbench.tui.drafts import FieldKind, MessageDraft
from workbench.tui.drafts.nodes import MAX_ITEMS


@pytest.fixture
def now_playing() -> MessageDraft:
    return MessageDraft(api_pb2.ScrobblerNowPlayingRequest)


def test_a_nested_message_is_unfolded_with_dotted_paths(now_playing: MessageDraft) -> None:
    rows = {row.path: row for row in now_playing.rows()}
    assert rows["track"].kind is FieldKind.MESSAGE
    assert rows["track.album_mbid"].kind is FieldKind.TEXT
    assert rows["track.album_mbid"].depth == 1
    assert rows["track.artists"].kind is FieldKind.LIST
    assert rows["timestamp"].type_name == "int64"


def test_what_is_typed_becomes_protojson_with_wide_numbers_as_text(now_playing: MessageDraft) -> None:
    now_playing.set_text("username", "ana")
    now_playing.set_text("track.length", " 180 ")
    now_playing.set_text("timestamp", "1700000000")
    value = now_playing.value()
    assert value["username"] == "ana"
    assert value["timestamp"] == "1700000000"
    assert isinstance(value["track"], dict)
    assert value["track"]["length"] == 180


def test_items_of_a_list_are_added_filled_and_removed_from_the_middle(now_playing: MessageDraft) -> None:
    for index, name in enumerate(("first", "second", "third")):
        now_playing.add("track.artists")
        now_playing.set_text(f"track.artists[{index}].name", name)
    now_playing.remove("track.artists[1]")
    track = now_playing.value()["track"]
    assert isinstance(track, dict)
    assert [artist["name"] for artist in track["artists"]] == ["first", "third"]
    assert "track.artists[1].name" in {row.path for row in now_playing.rows()}
    assert "track.artists[2].name" not in {row.path for row in now_playing.rows()}


def test_a_message_can_be_taken_out_and_put_back_empty(now_playing: MessageDraft) -> None:
    now_playing.set_text("track.name", "gone")
    now_playing.remove("track")
    assert "track" not in now_playing.value()
    now_playing.add("track")
    assert {row.path: row for row in now_playing.rows()}["track.name"].text == ""


def test_fields_of_the_same_name_and_type_are_carried_into_another_request(now_playing: MessageDraft) -> None:
    now_playing.set_text("username", "ana")
    now_playing.add("track.artists")
    now_playing.set_text("track.artists[0].name", "Nina")
    scrobble = MessageDraft(api_pb2.ScrobblerScrobbleRequest)
    scrobble.carry(now_playing)
    value = scrobble.value()
    assert value["username"] == "ana"
    assert isinstance(value["track"], dict)
    assert value["track"]["artists"] == [{"name": "Nina", "mbid": ""}]
    biography = MessageDraft(api_pb2.ArtistBiographyRequest)
    biography.carry(now_playing)
    assert biography.value() == MessageDraft(api_pb2.ArtistBiographyRequest).value()


def test_fields_of_the_same_name_and_another_type_stay_as_they_are() -> None:
    text, data = MessageDraft(cache_pb2.SetStringRequest), MessageDraft(cache_pb2.SetBytesRequest)
    text.set_text("key", "nina")
    text.set_text("value", "abcd")
    data.carry(text)
    assert (data.value()["key"], data.value()["value"]) == ("nina", "")


def test_maps_are_of_the_same_type_when_their_keys_and_values_are() -> None:
    request, response = MessageDraft(http_pb2.HttpRequest), MessageDraft(http_pb2.HttpResponse)
    request.add("headers")
    request.set_text("headers[0]", "Accept=text/plain")
    response.carry(request)
    assert response.value()["headers"] == {"Accept": "text/plain"}


def test_a_request_that_was_edited_takes_nothing_over_and_one_that_was_not_takes_the_latest() -> None:
    first, second = MessageDraft(api_pb2.ArtistMBIDRequest), MessageDraft(api_pb2.ArtistBiographyRequest)
    first.set_text("name", "Nina")
    second.carry(first)
    assert not second.is_touched
    first.set_text("name", "")
    first.set_text("id", "7")
    second.carry(first)
    assert second.value() == {"id": "7", "name": "", "mbid": ""}
    second.set_text("name", "Miles")
    second.carry(first)
    first.set_text("id", "8")
    second.carry(first)
    assert second.value() == {"id": "7", "name": "Miles", "mbid": ""}


def test_what_does_not_parse_is_not_carried() -> None:
    similar, again = MessageDraft(api_pb2.ArtistSimilarRequest), MessageDraft(api_pb2.ArtistTopSongsRequest)
    similar.set_text("id", "7")
    similar.set_text(next(row.path for row in similar.rows() if row.kind is FieldKind.INTEGER), "many")
    again.carry(similar)
    assert again.errors() == {}
    assert again.value()["id"] == "7"


@pytest.mark.parametrize(
    ("path", "text", "error"),
    [
        ("track.length", "1.5", "not a whole number"),
        ("track.length", "99999999999", "outside int32: -2147483648 to 2147483647"),
        ("track.length", "9" * 5000, "not a whole number"),
        ("timestamp", "٣", "not a whole number"),
        ("timestamp", "--1", "not a whole number"),
    ],
)
def test_a_number_that_does_not_fit_is_refused_beside_its_field(
    now_playing: MessageDraft, path: str, text: str, error: str
) -> None:
    assert now_playing.set_text(path, text) == error
    assert now_playing.errors() == {path: error}
    with pytest.raises(ValueError, match=path):
        now_playing.value()


def test_a_wrong_field_keeps_its_text_and_is_left_out_of_a_lenient_value(now_playing: MessageDraft) -> None:
    now_playing.set_text("timestamp", "soon")
    now_playing.set_text("username", "ana")
    assert {row.path: row for row in now_playing.rows()}["timestamp"].text == "soon"
    lenient = now_playing.value(is_lenient=True)
    assert "timestamp" not in lenient
    assert lenient["username"] == "ana"


def test_a_value_that_was_loaded_comes_out_again(now_playing: MessageDraft) -> None:
    value = {
        "user_id": "u1",
        "username": "ana",
        "track": {
            "id": "t",
            "mbid": "",
            "name": "Song",
            "album": "",
            "album_mbid": "",
            "artists": [{"name": "A", "mbid": ""}, {"name": "B", "mbid": "m"}],
            "album_artists": [],
            "length": 3,
            "position": 0,
        },
        "timestamp": "12",
    }
    now_playing.load(value)
    assert now_playing.value() == value


def test_a_message_that_the_value_does_not_have_is_not_set(now_playing: MessageDraft) -> None:
    now_playing.load({"user_id": "u1"})
    assert not {row.path: row for row in now_playing.rows()}["track"].is_set
    assert "track" not in now_playing.value()


def test_more_items_than_a_form_holds_are_refused_and_change_nothing(now_playing: MessageDraft) -> None:
    now_playing.set_text("user_id", "kept")
    with pytest.raises(ValueError, match="at most"):
        now_playing.load({"track": {"artists": [{"name": "x"}] * (MAX_ITEMS + 1)}})
    assert now_playing.value()["user_id"] == "kept"


def test_filling_sets_the_named_fields_and_leaves_the_others(now_playing: MessageDraft) -> None:
    now_playing.set_text("user_id", "kept")
    assert now_playing.fill({"username": "ana", "no_such_field": 1}) == ("username",)
    value = now_playing.value()
    assert (value["user_id"], value["username"]) == ("kept", "ana")


def test_map_entries_are_typed_as_key_and_value() -> None:
    draft = MessageDraft(api_pb2.InitRequest)
    draft.add("config")
    assert draft.set_text("config[0]", "url") == "write key=value"
    assert draft.set_text("config[0]", "url=http://x/?a=b") is None
    assert draft.value() == {"config": {"url": "http://x/?a=b"}}


def test_a_map_key_given_twice_is_marked_at_the_second_place() -> None:
    draft = MessageDraft(api_pb2.InitRequest)
    for index, text in enumerate(("a=1", "b=2", "a=3")):
        draft.add("config")
        draft.set_text(f"config[{index}]", text)
    assert draft.errors() == {"config[2]": "the same key is above"}


def test_bytes_are_typed_as_text_or_base64() -> None:
    draft = MessageDraft(api_pb2.SchedulerCallbackRequest)
    draft.set_text("payload", "hi")
    assert draft.value()["payload"] == "aGk="
    draft.set_text("payload", "base64:/w==")
    assert draft.value()["payload"] == "/w=="
    assert draft.set_text("payload", "base64:?") == "not valid base64"


@pytest.mark.parametrize("encoded", ["aGk=", "/w==", "YmFzZTY0OmE=", "CgA=", ""])
def test_loaded_bytes_keep_their_value_whatever_they_hold(encoded: str) -> None:
    draft = MessageDraft(api_pb2.SchedulerCallbackRequest)
    draft.load({"payload": encoded})
    assert draft.value()["payload"] == encoded


def test_a_flag_is_true_or_not() -> None:
    draft = MessageDraft(api_pb2.SchedulerCallbackRequest)
    draft.set_text("is_recurring", "true")
    assert draft.value()["is_recurring"] is True
    assert {row.path: row for row in draft.rows()}["is_recurring"].is_set


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31m", "zero\u200bwidth", "\u202eflipped"])
def test_text_that_a_one_line_editor_would_lose_is_locked(text: str) -> None:
    draft = MessageDraft(api_pb2.OnTextMessageRequest)
    draft.load({"message": text})
    assert {row.path: row for row in draft.rows()}["message"].is_locked
    assert draft.value()["message"] == text


def test_a_path_that_does_not_exist_is_a_mistake_of_the_caller(now_playing: MessageDraft) -> None:
    with pytest.raises(KeyError):
        now_playing.set_text("track.no_such", "x")
    with pytest.raises(KeyError):
        now_playing.add("username")
    with pytest.raises(KeyError):
        now_playing.remove("username")
