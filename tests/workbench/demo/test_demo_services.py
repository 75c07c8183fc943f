"""The demo's HTTP services over real connections: answers, refusals, and what is thrown at them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from engine.settings import Settings
from tests.waiting import wait_until
from workbench.demo.catalogue import CATALOGUE
from workbench.demo.http_server import BODY_LIMIT_BYTES, CONNECTION_LIMIT
from workbench.demo.scrobble_service import KEPT_PLAYS
from workbench.demo.services import MUSIC_KEY, SCROBBLE_TOKEN, DemoServices, demo_settings

LANTERNS = CATALOGUE.artists[0]
PLAY = {"user": "ada", "title": "Lamplight", "artists": [{"name": "The Copper Lanterns"}], "timestamp": 1, "length": 9}


@pytest.fixture(scope="module")
def services() -> Iterator[DemoServices]:
    with DemoServices() as running:
        yield running


@pytest.fixture
def music(services: DemoServices) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {MUSIC_KEY}"}
    with httpx.Client(base_url=services.music_url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def scrobble(services: DemoServices) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Token {SCROBBLE_TOKEN}"}
    with httpx.Client(base_url=services.scrobble_url, headers=headers, trust_env=False) as client:
        yield client


def test_an_artist_is_answered_with_what_is_known(music: httpx.Client) -> None:
    answer = music.get("/v1/artist", params={"name": "the copper lanterns"})
    assert answer.status_code == 200
    artist = answer.json()
    assert (artist["name"], artist["mbid"], artist["biography"]) == (
        LANTERNS.name,
        LANTERNS.mbid,
        LANTERNS.biography,
    )
    assert [image["size"] for image in artist["images"]] == [600, 300, 64]


def test_the_images_that_are_named_can_be_fetched_without_a_key(music: httpx.Client) -> None:
    artist = music.get("/v1/artist", params={"mbid": LANTERNS.mbid}).json()
    for image in artist["images"]:
        picture = httpx.get(image["url"], trust_env=False)
        assert picture.status_code == 200
        assert picture.headers["content-type"].startswith("image/svg+xml")
        assert "TCL" in picture.text


def test_an_artist_known_by_name_alone_has_empty_members(music: httpx.Client) -> None:
    artist = music.get("/v1/artist", params={"name": "Sleeping Dogs"}).json()
    assert (artist["biography"], artist["url"], artist["images"]) == ("", "", [])


@pytest.mark.parametrize(
    ("path", "member", "limit", "count"),
    [
        ("similar", "artists", "", 2),
        ("similar", "artists", "1", 1),
        ("songs", "songs", "3", 3),
        ("songs", "songs", "0", 0),
    ],
)
def test_lists_are_cut_at_the_limit(music: httpx.Client, path: str, member: str, limit: str, count: int) -> None:
    answer = music.get(f"/v1/artist/{path}", params={"name": LANTERNS.name, "limit": limit})
    assert len(answer.json()[member]) == count


def test_an_album_is_found_by_name_and_artist(music: httpx.Client) -> None:
    album = music.get("/v1/album", params={"name": "紅葉", "artist": "Kōyō Ensemble"}).json()
    assert album["description"] == "Music for the weeks in which the maples turn."


@pytest.mark.parametrize(
    "target",
    [
        "/v1/artist?name=Nobody",
        "/v1/artist",
        "/v1/artist/similar?name=Nobody",
        "/v1/artist/songs?name=Nobody",
        "/v1/album?name=Nothing",
        "/v1/other",
        "/images/",
        f"/images/{LANTERNS.mbid}/65.svg",
        "/images/../v1/artist",
    ],
)
def test_what_the_music_service_does_not_know_is_404(music: httpx.Client, target: str) -> None:
    assert music.get(target).status_code == 404


@pytest.mark.parametrize("limit", ["-1", "many", "9" * 40, "٣"])
def test_a_limit_that_is_no_number_is_refused(music: httpx.Client, limit: str) -> None:
    for path in ("similar", "songs"):
        assert music.get(f"/v1/artist/{path}", params={"name": LANTERNS.name, "limit": limit}).status_code == 400


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", f"Token {MUSIC_KEY}", MUSIC_KEY])
def test_the_music_service_wants_its_key(services: DemoServices, authorization: str) -> None:
    answer = httpx.get(
        f"{services.music_url}/v1/artist?name=x", headers={"Authorization": authorization}, trust_env=False
    )
    assert answer.status_code == 401


def test_the_music_service_is_only_asked(music: httpx.Client) -> None:
    assert music.post("/v1/artist").status_code == 405


def test_a_session_of_a_known_user_is_confirmed(scrobble: httpx.Client) -> None:
    assert scrobble.get("/v1/session", params={"user": "ada"}).json() == {"user": "ada"}
    assert scrobble.get("/v1/session", params={"user": "eve"}).status_code == 404


def test_plays_are_taken_and_shown() -> None:
    with DemoServices() as fresh:
        headers = {"Authorization": f"Token {SCROBBLE_TOKEN}"}
        with httpx.Client(base_url=fresh.scrobble_url, headers=headers, trust_env=False) as client:
            assert client.post("/v1/now-playing", json=PLAY).status_code == 200
            assert client.post("/v1/scrobbles", json=PLAY).status_code == 201
        assert [(play.kind, play.title, play.artists) for play in fresh.received()] == [
            ("now_playing", "Lamplight", ("The Copper Lanterns",)),
            ("scrobble", "Lamplight", ("The Copper Lanterns",)),
        ]
        shown = httpx.get(f"{fresh.scrobble_url}/received", trust_env=False).json()
        assert shown["received"] == 2
        assert shown["plays"][1]["kind"] == "scrobble"


def test_only_the_last_plays_are_kept_and_the_rest_is_counted() -> None:
    with DemoServices() as fresh:
        headers = {"Authorization": f"Token {SCROBBLE_TOKEN}"}
        with httpx.Client(base_url=fresh.scrobble_url, headers=headers, trust_env=False) as client:
            for number in range(KEPT_PLAYS + 3):
                assert client.post("/v1/scrobbles", json={**PLAY, "timestamp": number}).status_code == 201
            shown = client.get("/received").json()
        assert (shown["received"], shown["forgotten"], len(shown["plays"])) == (KEPT_PLAYS + 3, 3, KEPT_PLAYS)
        assert fresh.received()[0].timestamp == 3


@pytest.mark.parametrize("path", ["/v1/session?user=ada", "/v1/scrobbles", "/v1/other"])
def test_the_scrobble_service_wants_its_token(services: DemoServices, path: str) -> None:
    answer = httpx.get(services.scrobble_url + path, headers={"Authorization": "Token wrong"}, trust_env=False)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 50_000,
        b"{}",
        json.dumps({**PLAY, "title": ""}).encode(),
        json.dumps({**PLAY, "title": ["x"]}).encode(),
        json.dumps({**PLAY, "user": "eve"}).encode(),
        json.dumps({**PLAY, "user": {}}).encode(),
        json.dumps({**PLAY, "timestamp": True}).encode(),
        json.dumps({**PLAY, "artists": "x"}).encode(),
        json.dumps({**PLAY, "artists": [{"name": 1}]}).encode(),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_play_that_is_none_is_refused(scrobble: httpx.Client, services: DemoServices, body: bytes) -> None:
    before = services.received()
    answer = scrobble.post("/v1/scrobbles", content=body)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert services.received() == before


def test_a_title_that_utf8_cannot_write_is_shown_all_the_same() -> None:
    with DemoServices() as fresh:
        body = json.dumps({**PLAY, "title": "\ud800"}).encode()
        headers = {"Authorization": f"Token {SCROBBLE_TOKEN}"}
        assert httpx.post(
            f"{fresh.scrobble_url}/v1/scrobbles", content=body, headers=headers, trust_env=False
        ).is_success
        assert httpx.get(f"{fresh.scrobble_url}/received", trust_env=False).json()["plays"][0]["title"] == "?"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"POST /v1/scrobbles HTTP/1.0\r\nContent-Length: {BODY_LIMIT_BYTES + 1}\r\n\r\n", 413),
        ("POST /v1/scrobbles HTTP/1.0\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /v1/scrobbles HTTP/1.0\r\nContent-Length: 1_0\r\n\r\n", 400),
        ("POST /v1/scrobbles HTTP/1.0\r\nContent-Length: 9\r\n\r\nabc", 400),
        ("GET http://[ HTTP/1.0\r\n\r\n", 400),
        ("GET /v1/session?" + "a&" * 100 + " HTTP/1.0\r\n\r\n", 400),
        ("GET /" + "a" * 70_000 + " HTTP/1.0\r\n\r\n", 414),
        ("DELETE / HTTP/1.0\r\n\r\n", 501),
        ("GET / HTTP/1.0\r\nAuthorization: Token \xff\r\n\r\n", 401),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, str) else str(value),
)
def test_a_broken_request_is_answered_with_its_status(services: DemoServices, head: str, status: int) -> None:
    with _connect(services.scrobble_url) as connection:
        connection.sendall(head.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").readline()
    assert answer.split()[1] == str(status).encode()


def test_more_connections_than_allowed_are_closed_and_leave_room_again() -> None:
    with DemoServices() as fresh:
        waiting = [_connect(fresh.scrobble_url) for _ in range(CONNECTION_LIMIT)]
        refused = _connect(fresh.scrobble_url)
        try:
            refused.settimeout(5)
            assert refused.recv(1) == b""
        finally:
            for connection in (*waiting, refused):
                connection.close()

        def is_served() -> bool:
            try:
                return httpx.get(f"{fresh.scrobble_url}/received", trust_env=False).is_success
            except httpx.TransportError:
                return False

        wait_until(is_served, limit_s=30, what="a free connection")


def test_a_client_that_hangs_up_prints_nothing(services: DemoServices, capfd: pytest.CaptureFixture[str]) -> None:
    with _connect(services.scrobble_url) as connection:
        connection.sendall(b"POST /v1/scrobbles HTTP/1.0\r\nContent-Length: 5\r\n\r\nab")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    assert httpx.get(f"{services.scrobble_url}/received", trust_env=False).is_success
    assert capfd.readouterr() == ("", "")


def test_stopped_services_refuse_connections_and_may_be_stopped_again() -> None:
    services = DemoServices()
    assert services.music_url == services.scrobble_url == ""
    with services:
        address = services.music_url
    services.__exit__(None, None, None)
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)


def test_the_samples_are_told_where_the_services_are(services: DemoServices, tmp_path: Path) -> None:
    base = Settings.load(environ={"HOME": str(tmp_path)}, plugins_folder=tmp_path)
    settings = demo_settings(base, services)
    assert settings.config_for("lyre-metadata") == {"base_url": services.music_url, "api_key": MUSIC_KEY}
    assert settings.config_for("lyre-scrobbler") == {"base_url": services.scrobble_url, "token": SCROBBLE_TOKEN}
    assert settings.config_for("hello-wat")["greeting"]


def test_what_the_user_set_for_a_sample_wins(services: DemoServices, tmp_path: Path) -> None:
    base = Settings.load(environ={"HOME": str(tmp_path)}, plugins_folder=tmp_path)
    base = base.with_plugin_config("lyre-metadata", {"api_key": "mine"}).with_plugin_config("other", {"a": "b"})
    settings = demo_settings(base, services)
    assert settings.config_for("lyre-metadata") == {"base_url": services.music_url, "api_key": "mine"}
    assert settings.config_for("other") == {"a": "b"}


def _connect(url: str) -> socket.socket:
    target = urlsplit(url)
    assert target.hostname is not None
    assert target.port is not None
    return socket.create_connection((target.hostname, target.port), timeout=30)
