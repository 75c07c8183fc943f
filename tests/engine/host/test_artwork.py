"""The artwork service: addresses in Navidrome's form, and reading them back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.host.artwork_pb2 import GetArtworkUrlRequest, GetArtworkUrlResponse
from engine.errors import InvalidRequest, SettingsError
from engine.host import ArtworkService
from engine.host.artwork import SECRET_FILE, ArtworkKind, ArtworkLink, share_base
from engine.settings import Settings
from tests.engine.host.fake_scope import FakeScope


def settings(data_folder: Path, share_url: str = "") -> Settings:
    loaded = Settings.load(environ={"HOME": str(data_folder), "XDG_DATA_HOME": str(data_folder)})
    return replace(loaded, data_folder=data_folder, share_url=share_url)


@pytest.fixture
def service(tmp_path: Path) -> ArtworkService:
    return ArtworkService(settings(tmp_path))


def url_of(
    service: ArtworkService,
    method: str,
    artwork_id: str,
    size: int = 0,
    scope: FakeScope | None = None,
) -> str:
    answer = service.call(method, GetArtworkUrlRequest(id=artwork_id, size=size), scope or FakeScope())
    assert isinstance(answer, GetArtworkUrlResponse)
    return answer.url


def unpacked(part: str) -> object:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.parametrize(("method", "kind"), [("GetArtistUrl", "ar"), ("GetAlbumUrl", "al"), ("GetTrackUrl", "mf")])
def test_an_address_is_a_signed_token_of_kind_and_id(
    service: ArtworkService, tmp_path: Path, method: str, kind: str
) -> None:
    url = url_of(service, method, "123")
    assert url.startswith("http://localhost/share/img/")
    header, claims, signature = url.rpartition("/")[2].split(".")
    assert unpacked(header) == {"alg": "HS256", "typ": "JWT"}
    assert unpacked(claims) == {"id": f"{kind}-123_0", "iss": "ND"}
    digest = hmac.digest((tmp_path / SECRET_FILE).read_bytes(), f"{header}.{claims}".encode(), hashlib.sha256)
    assert signature == base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.mark.parametrize(("size", "query"), [(300, "?size=300"), (0, ""), (-5, "")])
def test_the_size_stands_in_the_query_when_there_is_one(service: ArtworkService, size: int, query: str) -> None:
    assert url_of(service, "GetAlbumUrl", "1", size).partition("share/img/")[2].partition("?")[1:] == (
        query[:1],
        query[1:],
    )


def test_an_empty_id_gives_an_empty_claim(service: ArtworkService) -> None:
    url = url_of(service, "GetTrackUrl", "")
    assert unpacked(url.split(".")[1]) == {"id": "", "iss": "ND"}
    assert service.read_link(url) == ArtworkLink(kind=None, id=None, size=None)


@pytest.fixture(scope="module")
def lasting_service(tmp_path_factory: pytest.TempPathFactory) -> ArtworkService:
    return ArtworkService(settings(tmp_path_factory.mktemp("artwork")))


@given(artwork_id=st.text(max_size=30), kind=st.sampled_from(ArtworkKind), size=st.integers(0, 2**31 - 1))
def test_every_address_can_be_read_back(
    lasting_service: ArtworkService, artwork_id: str, kind: ArtworkKind, size: int
) -> None:
    method = {"ar": "GetArtistUrl", "al": "GetAlbumUrl", "mf": "GetTrackUrl"}[kind]
    link = lasting_service.read_link(url_of(lasting_service, method, artwork_id, size))
    assert link == ArtworkLink(kind=kind if artwork_id else None, id=artwork_id or None, size=size or None)


def test_a_token_alone_can_be_read(service: ArtworkService) -> None:
    token = url_of(service, "GetAlbumUrl", "x_y-z_1").rpartition("/")[2]
    assert service.read_link(token) == ArtworkLink(kind=ArtworkKind.ALBUM, id="x_y-z_1", size=None)


def test_addresses_stay_valid_over_a_restart(tmp_path: Path) -> None:
    url = url_of(ArtworkService(settings(tmp_path)), "GetArtistUrl", "1")
    again = ArtworkService(settings(tmp_path))
    assert again.read_link(url).id == "1"
    assert url_of(again, "GetArtistUrl", "1") == url


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é", "http://localhost/share/img/", "." * 20_000])
def test_anything_else_is_refused(service: ArtworkService, text: str) -> None:
    with pytest.raises(InvalidRequest, match="not an artwork address"):
        service.read_link(text)


def test_a_changed_or_foreign_token_is_refused(service: ArtworkService, tmp_path: Path) -> None:
    url = url_of(service, "GetAlbumUrl", "1")
    foreign = url_of(ArtworkService(settings(tmp_path / "other")), "GetAlbumUrl", "1")
    head, claims, signature = url.split(".")
    other_claims = base64.urlsafe_b64encode(b'{"id":"al-2_0","iss":"ND"}').decode().rstrip("=")
    for text in (foreign, f"{head}.{other_claims}.{signature}", f"{head}.{claims}.", f"{url}?size=a", f"{url}x"):
        with pytest.raises(InvalidRequest):
            service.read_link(text)


def test_nothing_is_written_before_the_first_address(tmp_path: Path) -> None:
    ArtworkService(settings(tmp_path))
    assert not (tmp_path / SECRET_FILE).exists()


def test_a_secret_that_cannot_be_kept_is_noted_and_addresses_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of the data folder")
    service, scope = ArtworkService(settings(tmp_path / "file")), FakeScope()
    url = url_of(service, "GetArtistUrl", "1", scope=scope)
    assert service.read_link(url).id == "1"
    assert scope.notes == [
        f"the signing secret cannot be kept in {tmp_path / 'file' / SECRET_FILE} (Not a directory); "
        "addresses made now cannot be read after a restart"
    ]


@pytest.mark.parametrize(
    ("share_url", "base"),
    [
        ("", "http://localhost"),
        ("https://music.example.com", "https://music.example.com"),
        ("https://music.example.com/", "https://music.example.com"),
        ("http://music.example.com:4533/share/?x#y", "http://music.example.com:4533"),
        ("https://user:secret@music.example.com/x", "https://music.example.com"),
        ("http://[::1]:4533/x", "http://[::1]:4533"),
    ],
)
def test_an_address_begins_with_scheme_and_host_of_the_share_url(share_url: str, base: str) -> None:
    assert share_base(share_url) == base


@pytest.mark.parametrize(
    "share_url",
    ["music.example.com", "/music", "ftp://music.example.com", "https://", "https://:80", "http://a:b", "http://a:70000",
     "http://[::1", "http://a b", "http://a\n", " http://a"],
)  # fmt: skip
def test_a_share_url_without_scheme_and_host_is_a_settings_error(tmp_path: Path, share_url: str) -> None:
    with pytest.raises(SettingsError, match=r"ShareURL .* cannot be used: ") as refused:
        ArtworkService(settings(tmp_path, share_url))
    assert refused.value.hint is not None
