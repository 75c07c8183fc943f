"""The artwork service: public addresses of artwork, and what such an address says (spec behaviour section 9)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from engine.contracts.host.artwork_pb2 import GetArtworkUrlRequest, GetArtworkUrlResponse
from engine.errors import InvalidRequest, SettingsError
from engine.host.base import HostScope, HostService
from engine.host.secret_file import SECRET_BYTES, load_or_create
from engine.settings import Settings

SECRET_FILE = "artwork.secret"
"""Name of the signing secret in the data folder."""

_PATH = "/share/img/"
_ISSUER = "ND"
_MAX_LINK_CHARS = 16 * 1024
_ID = re.compile(r"(ar|al|mf)-(.*)_[0-9a-f]+", re.S)


class ArtworkKind(StrEnum):
    """Whose artwork; the value is Navidrome's prefix of its id."""

    ARTIST = "ar"
    ALBUM = "al"
    TRACK = "mf"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtworkLink:
    """What an artwork address points to; kind and id are None for one made with an empty id."""

    kind: ArtworkKind | None
    id: str | None
    size: int | None
    """Longer side in pixels; None for the original."""


class ArtworkService(HostService):
    """Makes signed addresses in Navidrome's form; nothing answers them here, and no id is checked for existence."""

    service = "ArtworkService"

    def __init__(self, settings: Settings) -> None:
        """Addresses begin with scheme and host of the `ShareURL`, without one with `http://localhost`.

        The signing secret is made in the data folder when first needed. Raises `SettingsError` for a bad `ShareURL`.
        """
        self._base = share_base(settings.share_url)
        self._secret_path = settings.data_folder / SECRET_FILE
        self._secret: bytes | None = None
        self._problem: str | None = None
        self._lock = threading.Lock()

    def get_artist_url(self, request: GetArtworkUrlRequest, scope: HostScope) -> GetArtworkUrlResponse:
        return self._url(ArtworkKind.ARTIST, request, scope)

    def get_album_url(self, request: GetArtworkUrlRequest, scope: HostScope) -> GetArtworkUrlResponse:
        return self._url(ArtworkKind.ALBUM, request, scope)

    def get_track_url(self, request: GetArtworkUrlRequest, scope: HostScope) -> GetArtworkUrlResponse:
        return self._url(ArtworkKind.TRACK, request, scope)

    def read_link(self, link: str) -> ArtworkLink:
        """What an address made by this service, or its token alone, points to.

        Raises `InvalidRequest` for anything else, one made with another secret included.
        """
        address, _, query = link.partition("?")
        token = address.rpartition(_PATH)[2]
        artwork_id = _read_token(token, self._signing_secret()) if len(link) <= _MAX_LINK_CHARS else None
        size = re.fullmatch(r"(?:size=([0-9]{1,10}))?", query)
        if artwork_id is None or size is None:
            raise InvalidRequest(
                "this is not an artwork address of this workbench",
                hint="give the whole address that a plugin got, or the token after /share/img/",
            )
        pixels = int(size[1]) if size[1] else None
        parts = _ID.fullmatch(artwork_id)
        if parts is None:
            return ArtworkLink(kind=None, id=None, size=pixels)
        return ArtworkLink(kind=ArtworkKind(parts[1]), id=parts[2], size=pixels)

    def _url(self, kind: ArtworkKind, request: GetArtworkUrlRequest, scope: HostScope) -> GetArtworkUrlResponse:
        secret = self._signing_secret()
        if self._problem is not None:
            scope.note(self._problem)
        artwork_id = f"{kind}-{request.id}_0" if request.id else ""
        size = f"?size={request.size}" if request.size > 0 else ""
        return GetArtworkUrlResponse(url=f"{self._base}{_PATH}{_make_token(artwork_id, secret)}{size}")

    def _signing_secret(self) -> bytes:
        with self._lock:
            if self._secret is None:
                try:
                    self._secret = load_or_create(self._secret_path)
                except OSError as exc:
                    self._secret = secrets.token_bytes(SECRET_BYTES)
                    self._problem = (
                        f"the signing secret cannot be kept in {self._secret_path} ({exc.strerror or exc}); "
                        "addresses made now cannot be read after a restart"
                    )
            return self._secret


def share_base(share_url: str) -> str:
    """Scheme and host that artwork addresses begin with; `SettingsError` when `share_url` names none."""
    # The fallback is not configurable: a published plugin tests for it.
    if not share_url:
        return "http://localhost"
    why = ""
    try:
        parts = urlsplit(share_url)
        # Reading the port checks it.
        host, _ = parts.hostname, parts.port
        if any(char.isspace() or not char.isprintable() for char in share_url):
            why = "it contains blanks or control characters"
        elif parts.scheme not in ("http", "https"):
            why = "it does not start with http:// or https://"
        elif not host:
            why = "it names no host"
    except ValueError as exc:
        why = str(exc)
    if why:
        raise SettingsError(
            f"ShareURL {share_url!r} cannot be used: {why}",
            hint='write it as ShareURL = "https://music.example.com", or leave it out',
        )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _make_token(artwork_id: str, secret: bytes) -> str:
    """A JSON web token in Navidrome's form: HS256, claims `id` and `iss`, no expiry."""
    signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode({'id': artwork_id, 'iss': _ISSUER})}"
    return f"{signed}.{_signature(signed, secret)}"


def _read_token(token: str, secret: bytes) -> str | None:
    """The `id` claim of a token that `secret` signed, else None."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(signed, secret).encode()):
        return None
    # Signed by us, so it is one that `_make_token` wrote.
    claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
    return str(claims["id"])


def _encode(claims: dict[str, str]) -> str:
    text = json.dumps(claims, separators=(",", ":"), ensure_ascii=False)
    return _base64url(text.encode())


def _signature(signed: str, secret: bytes) -> str:
    return _base64url(hmac.digest(secret, signed.encode(), hashlib.sha256))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
