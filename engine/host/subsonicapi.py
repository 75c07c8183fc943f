"""The SubsonicAPI service: who may be asked for, and what a plugin gets (spec behaviour section 10).

There is no music server here: a `SubsonicResponder` gives the answers, see `subsonic_responders.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from google.protobuf.message import Message

from engine.contracts.host.subsonicapi_pb2 import CallRequest, CallResponse
from engine.errors import HostServiceError, PermissionDenied
from engine.host.base import HostScope, HostService
from engine.plugins.permissions import SubsonicPermission, hint_for_service, hint_for_subsonic
from engine.settings_sources import SubsonicUser

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.S)
_FIELDS_LIMIT = 1000
_SHOWN_CHARS = 200

Parameters = Sequence[tuple[str, str]]
"""Names and values of a query in their order, decoded; a name may occur several times."""


class SubsonicFailure(HostServiceError):
    """There is no answer; the summary is the text for the guest."""


class SubsonicResponder(Protocol):
    """What answers in place of the music server. Methods run on guest threads, several at once."""

    def user(self, name: str) -> SubsonicUser | None:
        """The user of this name, whose case does not count."""
        ...

    def answer(self, endpoint: str, parameters: Parameters, scope: HostScope) -> str:
        """The body that `GET /<endpoint>` brings, whatever its status; raises `SubsonicFailure`.

        `parameters` have the user as `u`, and `c`, `f` and `v` as the host sets them, each once.
        """
        ...


class SubsonicAPIService(HostService):
    """Lets a plugin call Subsonic endpoints on behalf of users that its manifest allows."""

    service = "SubsonicAPIService"

    def __init__(self, responder: SubsonicResponder | None) -> None:
        """Without a `responder` every call is answered with Navidrome's text for that."""
        self._responder = responder

    def call(self, method: str, request: Message, scope: HostScope) -> CallResponse:
        """Run the only rpc, `Call`, whose method would have the name of this one."""
        assert isinstance(request, CallRequest)
        try:
            return CallResponse(json=self._answer(request.url, scope))
        except (SubsonicFailure, PermissionDenied) as error:
            return CallResponse(error=error.summary)

    def _answer(self, url: str, scope: HostScope) -> str:
        if self._responder is None:
            scope.note("Set Folder or Upstream in [Workbench.Subsonic] for something that answers.")
            raise SubsonicFailure("SubsonicAPI router not available")
        endpoint, parameters = parse_call(url)
        username = next((value for name, value in parameters if name == "u"), "")
        if not username:
            raise SubsonicFailure("missing required parameter 'u' (username)")
        try:
            _check(scope.permissions.subsonicapi, username, self._responder)
        except PermissionDenied as error:
            scope.refused(
                target=f"{endpoint} as {username}"[:_SHOWN_CHARS], reason=error.summary, hint=error.hint or ""
            )
            raise
        # Each of these once: it is the first user that was checked, and no other may be acted for.
        own = {"u": username, "c": str(scope.plugin), "f": "json", "v": "1.16.1"}
        others = [(name, value) for name, value in parameters if name not in own]
        return self._responder.answer(endpoint, [*own.items(), *others], scope)


def parse_call(url: str) -> tuple[str, list[tuple[str, str]]]:
    """Endpoint and parameters of what a plugin asks for; scheme and host play no part. Raises `SubsonicFailure`."""
    bad = next((char for char in url if char < " " or char == "\x7f"), None)
    if bad is not None:
        raise SubsonicFailure("invalid URL format: net/url: invalid control character in URL")
    try:
        parts = urlsplit(url)
        escape = _BAD_ESCAPE.search(parts.path)
        if escape is not None:
            raise SubsonicFailure(f'invalid URL format: invalid URL escape "{escape[0]}"')
        parameters = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=_FIELDS_LIMIT)
    except ValueError as error:
        raise SubsonicFailure(f"invalid URL format: {error}") from error
    return unquote(parts.path).rstrip("/").rpartition("/")[2], parameters


def _check(permission: SubsonicPermission | None, username: str, responder: SubsonicResponder) -> None:
    """Raise `PermissionDenied` when a plugin may not act as `username`."""
    shown = username[:_SHOWN_CHARS]
    if permission is None:
        raise PermissionDenied(f"username {shown} is not allowed", hint=hint_for_service("subsonicapi"))
    allowed = [name.lower() for name in permission.allowed_usernames]
    if allowed and username.lower() not in allowed:
        hint = hint_for_subsonic((*permission.allowed_usernames, shown), allow_admins=permission.allow_admins)
        raise PermissionDenied(f"username {shown} is not allowed", hint=hint)
    if permission.allow_admins:
        return
    user = responder.user(username)
    if user is None:
        raise PermissionDenied(f"username {shown} not found", hint="Add the user to Users in [Workbench.Subsonic].")
    if user.is_admin:
        hint = hint_for_subsonic(permission.allowed_usernames, allow_admins=True)
        raise PermissionDenied("calling SubsonicAPI as admin user is not allowed", hint=hint)
