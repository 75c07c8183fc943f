"""MetadataAgent: artist and album metadata, as Navidrome's agent interface sees it."""

from __future__ import annotations

from engine.adapters.base import Adapter, Verdict
from engine.calls import CallResult, Outcome
from engine.contracts import api_pb2 as api
from engine.errors import NotFound, PluginCallError


class MetadataAgent(Adapter):
    """Typed calls; both special errors, and album info without `info`, mean `NotFound` here as in Navidrome."""

    capability = "MetadataAgent"

    async def get_artist_mbid(self, artist_id: str, name: str) -> str:
        """The artist's MusicBrainz id."""
        request = api.ArtistMBIDRequest(id=artist_id, name=name)
        return (await self._call("GetArtistMBID", request, api.ArtistMBIDResponse)).mbid

    async def get_artist_url(self, artist_id: str, name: str, mbid: str = "") -> str:
        """A page about the artist."""
        request = api.ArtistURLRequest(id=artist_id, name=name, mbid=mbid)
        return (await self._call("GetArtistURL", request, api.ArtistURLResponse)).url

    async def get_artist_biography(self, artist_id: str, name: str, mbid: str = "") -> str:
        """The artist's biography."""
        request = api.ArtistBiographyRequest(id=artist_id, name=name, mbid=mbid)
        return (await self._call("GetArtistBiography", request, api.ArtistBiographyResponse)).biography

    async def get_similar_artists(self, artist_id: str, name: str, mbid: str = "", limit: int = 0) -> list[api.Artist]:
        """Similar artists; the limit is passed on, the list is not cut."""
        request = api.ArtistSimilarRequest(id=artist_id, name=name, mbid=mbid, limit=limit)
        return list((await self._call("GetSimilarArtists", request, api.ArtistSimilarResponse)).artists)

    async def get_artist_images(self, artist_id: str, name: str, mbid: str = "") -> list[api.ExternalImage]:
        """Images of the artist."""
        request = api.ArtistImageRequest(id=artist_id, name=name, mbid=mbid)
        return list((await self._call("GetArtistImages", request, api.ArtistImageResponse)).images)

    async def get_artist_top_songs(
        self, artist_id: str, artist_name: str, mbid: str = "", count: int = 0
    ) -> list[api.Song]:
        """The artist's most popular songs; the count is passed on, the list is not cut."""
        request = api.ArtistTopSongsRequest(id=artist_id, artistName=artist_name, mbid=mbid, count=count)
        return list((await self._call("GetArtistTopSongs", request, api.ArtistTopSongsResponse)).songs)

    async def get_album_info(self, name: str, artist: str, mbid: str = "") -> api.AlbumInfo:
        """Facts about an album; an answer without `info` raises `NotFound`."""
        request = api.AlbumInfoRequest(name=name, artist=artist, mbid=mbid)
        response = await self._call("GetAlbumInfo", request, api.AlbumInfoResponse)
        if not response.HasField("info"):
            raise NotFound("not found", plugin=self.plugin)
        return response.info

    async def get_album_images(self, name: str, artist: str, mbid: str = "") -> list[api.ExternalImage]:
        """Images of the album."""
        request = api.AlbumImagesRequest(name=name, artist=artist, mbid=mbid)
        return list((await self._call("GetAlbumImages", request, api.AlbumImagesResponse)).images)

    def _exception(self, result: CallResult) -> PluginCallError:
        if result.outcome is Outcome.NOT_IMPLEMENTED:
            return NotFound("not found", plugin=result.plugin)
        return super()._exception(result)

    @classmethod
    def _judge_answer(cls, result: CallResult) -> Verdict:
        response = result.response
        if isinstance(response, api.AlbumInfoResponse) and not response.HasField("info"):
            return Verdict(ok=False, text='"not found": the answer has no info, the next agent is asked')
        if response is not None and not response.ByteSize():
            return Verdict(ok=True, text="an empty answer without an error: used as it is, no other agent is asked")
        return super()._judge_answer(result)

    @classmethod
    def _judge_special(cls, result: CallResult) -> Verdict:
        return Verdict(ok=False, text='"not found": the next agent is asked')
