"""Scrobbler: who may scrobble, what is playing, what was played."""

from __future__ import annotations

from engine.adapters.base import Adapter, Verdict
from engine.calls import CallResult
from engine.contracts import api_pb2 as api
from engine.errors import PluginCallError


class Scrobbler(Adapter):
    """Typed calls. An error of `is_authorized` means no; errors of the others are raised (C10)."""

    capability = "Scrobbler"

    async def is_authorized(self, user_id: str, username: str) -> bool:
        """Whether this user is linked to the service; false after any error."""
        request = api.ScrobblerIsAuthorizedRequest(user_id=user_id, username=username)
        try:
            response = await self._call("IsAuthorized", request, api.ScrobblerIsAuthorizedResponse)
        except PluginCallError:
            return False
        return response.authorized

    async def now_playing(self, user_id: str, username: str, track: api.TrackInfo, timestamp: int) -> None:
        """Tell the service what is playing; `timestamp` in Unix seconds."""
        request = api.ScrobblerNowPlayingRequest(user_id=user_id, username=username, track=track, timestamp=timestamp)
        await self._call("NowPlaying", request, api.ScrobblerNowPlayingResponse)

    async def scrobble(self, user_id: str, username: str, track: api.TrackInfo, timestamp: int) -> None:
        """Tell the service what was played; `timestamp` is the time of play in Unix seconds."""
        request = api.ScrobblerScrobbleRequest(user_id=user_id, username=username, track=track, timestamp=timestamp)
        await self._call("Scrobble", request, api.ScrobblerScrobbleResponse)

    @classmethod
    def judge(cls, result: CallResult) -> Verdict:
        if result.method.endswith(".IsAuthorized") and not result.ok:
            return Verdict(ok=False, text=f"not authorized: the error is logged ({result.error})")
        return super().judge(result)

    @classmethod
    def _judge_answer(cls, result: CallResult) -> Verdict:
        if isinstance(result.response, api.ScrobblerIsAuthorizedResponse):
            word = "authorized" if result.response.authorized else "not authorized"
            return Verdict(ok=result.response.authorized, text=f"the user is {word}")
        return Verdict(ok=True, text="accepted")

    @classmethod
    def _judge_special(cls, result: CallResult) -> Verdict:
        return Verdict(ok=False, text=f"the scrobble fails: {result.error}")
