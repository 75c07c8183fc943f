from __future__ import annotations

import base64

import pytest

from engine.contracts.api_pb2 import ArtistMBIDResponse, InitRequest
from engine.contracts.host.cache_pb2 import GetIntResponse, GetRequest, GetStringResponse, SetBytesRequest
from engine.contracts.host.config_pb2 import GetPluginConfigResponse
from engine.contracts.host.http_pb2 import HttpRequest
from workbench.trace.masking import MASK, looks_secret, mask_arguments, mask_entry, mask_text, masked_pair, masked_value


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "x_auth_token",
        "apiKey",
        "APIKey",
        "lastfm_secret",
        "client-secret",
        "accessToken",
        "session_id",
        "PASSWORD",
        "db.password",
        "oauth",
        "sk",
    ],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["", "key", "Accept", "url", "max_tokens", "author", "monkey", "keyboard", "sketch"])
def test_other_names_are_not_secrets(name: str) -> None:
    assert not looks_secret(name)


def test_a_plain_key_is_a_secret_among_settings() -> None:
    assert looks_secret("key", is_setting=True)
    assert looks_secret("Key", is_setting=True)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET https://x.test/a?api_key=abc&q=nina#top", f"GET https://x.test/a?api_key={MASK}&q=nina#top"),
        ("https://joe:hunter2@x.test/", f"https://joe:{MASK}@x.test/"),
        ("/rest/ping?u=joe&t=26719a&s=c19b2d&v=1", f"/rest/ping?u=joe&t={MASK}&s={MASK}&v=1"),
        ("/search?t=all&s=up", "/search?t=all&s=up"),
        ("user=joe&password=pw&x=1", f"user=joe&password={MASK}&x=1"),
        ("Authorization: Bearer abc.def", f"Authorization: {MASK}"),
        ("sent bearer eyJhbGciOi1.xyz to it", f"sent bearer {MASK} to it"),
        ('{"access_token":"abc","name":"nina"}', f'{{"access_token":"{MASK}","name":"nina"}}'),
        (r'"{\"token\": \"abc\"}"', rf'"{{\"token\": \"{MASK}\"}}"'),
        ('{"secret": "a\\/b"}', f'{{"secret": "{MASK}"}}'),
        ("Cookie: a=b; c=d\r\nAccept: */*", f"Cookie: {MASK}\r\nAccept: */*"),
        ("the token is not valid: try again", "the token is not valid: try again"),
        ("basic authentication is needed", "basic authentication is needed"),
        ("plugin:not_found", "plugin:not_found"),
        ('{"token": 12345, "n": 1}', f'{{"token": {MASK}, "n": 1}}'),
        (r'{"token": "ab\"cd", "n": "x"}', f'{{"token": "{MASK}", "n": "x"}}'),
        (r'{"token": "ab\\", "n": "x"}', f'{{"token": "{MASK}", "n": "x"}}'),
        (r'"{\"token\": \"a\\\"b\", \"n\": \"x\"}"', rf'"{{\"token\": \"{MASK}\", \"n\": \"x\"}}"'),
        ("{'token': 'abc', 'n': 'x'}", f"{{'token': '{MASK}', 'n': 'x'}}"),
        ('{"token": "' + "a" * 5000 + '"}', f'{{"token": "{MASK}"}}'),
        ("using api_key: hunter2, retrying", f"using api_key: {MASK}, retrying"),
        ("X-Plex-Token: abc def", f"X-Plex-Token: {MASK}"),
        ("a: b\n  password: open sesame\nc: d", f"a: b\n  password: {MASK}\nc: d"),
        ("error: token: abc123", f"error: token: {MASK}"),
        ("invalid token: unexpected end", "invalid token: unexpected end"),
        ("API_TOKEN='open sesame' make", f"API_TOKEN={MASK} make"),
        ("deploy --token abc123 now", f"deploy --token {MASK} now"),
        ("deploy --name abc123 now", "deploy --name abc123 now"),
    ],
)
def test_secrets_in_text_are_hidden(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "\\" * 200_000,
        '"a":' * 50_000,
        "a=" * 100_000,
        "://" * 100_000,
        '"' * 200_000,
        "Bearer " * 40_000,
        "token: " * 60_000,
        '"token":"' + "\\" * 200_000,
        '"token":"' * 40_000,
        "'token':'" + "a\\'" * 100_000,
        "--token " * 50_000,
        "token='" * 50_000,
        "token" + "-a" * 200_000 + ":",
        "x" * 400_000,
    ],
)
def test_hostile_text_does_not_take_long(text: str) -> None:
    # A quadratic pattern would take minutes here; the limit of the whole run would end it.
    assert mask_text(text)


def test_headers_and_configuration_are_judged_by_their_names() -> None:
    request = HttpRequest(url="http://a/?token=t", headers={"Authorization": "Basic x", "Accept": "*/*"})
    value = masked_value(request)
    assert value["headers"] == {"Authorization": MASK, "Accept": "*/*"}
    assert value["url"] == f"http://a/?token={MASK}"
    config = {"api_key": "abc", "url": "http://x", "empty_secret": ""}
    assert masked_value(GetPluginConfigResponse(config=config))["config"] == {
        "api_key": MASK,
        "url": "http://x",
        "empty_secret": "",
    }
    assert masked_value(InitRequest(config={"key": "abc"}))["config"] == {"key": MASK}


def test_numbers_of_secret_entries_are_hidden_and_switches_are_not() -> None:
    assert [mask_entry("pin_token", value) for value in (42, 1.5, True, None)] == [MASK, MASK, True, None]
    assert mask_entry("size", 42) == 42


def test_the_argument_after_a_secret_flag_is_hidden() -> None:
    arguments = ["deploy", "--token", "abc", "--password=pw", "--api-key", "--verbose", "x"]
    assert mask_arguments(arguments) == [
        *("deploy", "--token", MASK, f"--password={MASK}", "--api-key", "--verbose", "x"),
    ]


def test_readable_bodies_are_masked_and_binary_ones_are_left_alone() -> None:
    text = masked_value(HttpRequest(body=b"password=pw"))["body"]
    assert isinstance(text, str)
    assert base64.b64decode(text).decode() == f"password={MASK}"
    assert masked_value(HttpRequest(body=b"\xff\x00token=x"))["body"] == base64.b64encode(b"\xff\x00token=x").decode()


def test_a_cached_value_is_hidden_by_its_key_in_request_and_response() -> None:
    request, response = masked_pair(GetRequest(key="session_token"), GetStringResponse(exists=True, value="abc"))
    assert request == {"key": "session_token"}
    assert response == {"exists": True, "value": MASK}
    assert masked_pair(GetRequest(key="token"), GetIntResponse(value=42))[1] == {"exists": False, "value": MASK}
    assert masked_pair(GetRequest(key="artist:1"), GetStringResponse(value="abc"))[1] == {
        "exists": False,
        "value": "abc",
    }
    assert masked_value(SetBytesRequest(key="password", value=b"pw"))["value"] == MASK


def test_secrets_are_shown_when_asked_for() -> None:
    request, response = masked_pair(GetRequest(key="token"), GetStringResponse(value="abc"), reveal=True)
    assert (request, response) == ({"key": "token"}, {"exists": False, "value": "abc"})
    assert masked_pair(None, None) == (None, None)
    assert masked_pair(None, ArtistMBIDResponse(mbid="x"), reveal=True) == (None, {"mbid": "x"})
