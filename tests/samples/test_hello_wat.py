"""hello-wat: the greeting, and that no request of whatever bytes makes it fall over."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calls import Outcome
from engine.contracts.api_pb2 import ArtistBiographyRequest, ArtistBiographyResponse
from engine.contracts.host.config_pb2 import GetPluginConfigResponse
from tests.samples.bench import SampleBench
from tests.samples.wat_guest import HelloWat

SENTENCE = "! This biography was written by plugin.wat: change this sentence, save, and ask again."
MALFORMED = b"hello-wat: the request is not a valid message"


@pytest.fixture(scope="module")
def guest() -> HelloWat:
    return HelloWat()


def request(**fields: str) -> bytes:
    return ArtistBiographyRequest(**fields).SerializeToString()


def greeting(answer: bytes) -> str:
    """The answer without the sentence at its end."""
    text = ArtistBiographyResponse.FromString(answer).biography
    assert text.endswith(SENTENCE)
    return text.removesuffix(SENTENCE)


@pytest.mark.parametrize("name", ["Nina Simone", "Kōyō Ensemble", "x", "a" * 127, "a" * 128, "long " * 40_000])
def test_the_name_of_the_request_is_greeted(guest: HelloWat, name: str) -> None:
    answer = guest.call(request(id="7", name=name, mbid="m"))
    assert not answer.is_error
    assert greeting(answer.data) == f"Hello, {name}"
    assert answer.log == f"hello-wat: asked for the biography of {name}\n"


def test_the_word_of_greeting_comes_from_the_settings(guest: HelloWat) -> None:
    reply = GetPluginConfigResponse(config={"greetings": "no", "greet": "no", "greeting": "Grüß Gott", "": "no"})
    answer = guest.call(request(name="A"), settings_reply=reply.SerializeToString())
    assert greeting(answer.data) == "Grüß Gott, A"


@pytest.mark.parametrize(
    "reply",
    [
        GetPluginConfigResponse(config={"greeting": ""}).SerializeToString(),
        b"\x0a\x00",
        b"\x0a\x02\x12\x05",
        b"\x0a\xff",
        b"\x08\x05",
        b"\xff\xff\xff",
    ],
    ids=repr,
)
def test_settings_without_a_greeting_leave_the_usual_one(guest: HelloWat, reply: bytes) -> None:
    assert greeting(guest.call(request(name="A"), settings_reply=reply).data) == "Hello, A"


@pytest.mark.parametrize("data", [b"", request(id="7", mbid="m"), b"\x12\x00", b"\x10\x05"], ids=repr)
def test_without_a_name_there_is_nothing_to_find(guest: HelloWat, data: bytes) -> None:
    answer = guest.call(data)
    assert (answer.is_error, answer.data, answer.log) == (True, b"plugin:not_found", "")


@pytest.mark.parametrize(
    "unknown",
    [b"\x20\x96\x01", b"\x29" + bytes(8), b"\x35" + bytes(4), b"\xa2\x06\x02zz", b"\x80\x7d\x01", b"\x10\x05"],
    ids=repr,
)
def test_unknown_fields_of_any_kind_are_skipped(guest: HelloWat, unknown: bytes) -> None:
    assert greeting(guest.call(unknown + request(name="A") + unknown).data) == "Hello, A"


def test_of_a_name_given_twice_the_last_counts(guest: HelloWat) -> None:
    assert greeting(guest.call(request(name="A") + request(name="B")).data) == "Hello, B"


@pytest.mark.parametrize(
    "data",
    [
        b"\x12",
        b"\x12\x05ab",
        b"\x0d123",
        b"\x09" + bytes(7),
        b"\x13",
        b"\x14",
        b"\x00\x00",
        b"\x08",
        b"\xff" * 11,
        b"\x08" + b"\x80" * 10 + b"\x01",
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\xf8\xff\xff\xff\xff\x7f\x01",
    ],
    ids=repr,
)
def test_malformed_bytes_are_answered_with_an_error(guest: HelloWat, data: bytes) -> None:
    answer = guest.call(data)
    assert (answer.is_error, answer.data) == (True, MALFORMED)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=60), reply=st.binary(max_size=60))
def test_any_bytes_bring_an_answer(guest: HelloWat, data: bytes, reply: bytes) -> None:
    answer = guest.call(data, settings_reply=reply)
    assert answer.data
    if not answer.is_error:
        assert answer.data[0] == 0x0A


def test_a_name_too_long_for_the_memory_is_an_error_and_no_trap(guest: HelloWat) -> None:
    answer = guest.call(request(name="x" * 700_000), memory_bytes=1 << 20)
    assert (answer.is_error, answer.data) == (True, b"hello-wat: out of memory")


async def test_the_engine_runs_it_as_the_readme_says(samples: SampleBench) -> None:
    samples.configure("hello-wat", greeting=None)
    async with samples.open("hello-wat") as sample:
        result = await sample.call("GetArtistBiography", {"name": "Nina Simone"})
        other = await sample.call("GetArtistImages", {"name": "Nina Simone"})
        init = await sample.call("OnInit")
    assert isinstance(result.response, ArtistBiographyResponse)
    assert result.response.biography == f"Hello, Nina Simone{SENTENCE}"
    assert [call.method for call in result.host_calls] == ["ConfigService.GetPluginConfig"]
    assert [line.text for line in result.logs] == ["hello-wat: asked for the biography of Nina Simone"]
    assert other.outcome is Outcome.NOT_IMPLEMENTED
    assert (init.outcome, [line.text for line in init.logs]) == (Outcome.OK, ["hello-wat: ready"])
