from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Artist(_message.Message):
    __slots__ = ("name", "mbid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    name: str
    mbid: str
    def __init__(self, name: _Optional[str] = ..., mbid: _Optional[str] = ...) -> None: ...

class Song(_message.Message):
    __slots__ = ("name", "mbid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    name: str
    mbid: str
    def __init__(self, name: _Optional[str] = ..., mbid: _Optional[str] = ...) -> None: ...

class ExternalImage(_message.Message):
    __slots__ = ("url", "size")
    URL_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    url: str
    size: int
    def __init__(self, url: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class ArtistMBIDRequest(_message.Message):
    __slots__ = ("id", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ArtistMBIDResponse(_message.Message):
    __slots__ = ("mbid",)
    MBID_FIELD_NUMBER: _ClassVar[int]
    mbid: str
    def __init__(self, mbid: _Optional[str] = ...) -> None: ...

class ArtistURLRequest(_message.Message):
    __slots__ = ("id", "name", "mbid")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    mbid: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., mbid: _Optional[str] = ...) -> None: ...

class ArtistURLResponse(_message.Message):
    __slots__ = ("url",)
    URL_FIELD_NUMBER: _ClassVar[int]
    url: str
    def __init__(self, url: _Optional[str] = ...) -> None: ...

class ArtistBiographyRequest(_message.Message):
    __slots__ = ("id", "name", "mbid")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    mbid: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., mbid: _Optional[str] = ...) -> None: ...

class ArtistBiographyResponse(_message.Message):
    __slots__ = ("biography",)
    BIOGRAPHY_FIELD_NUMBER: _ClassVar[int]
    biography: str
    def __init__(self, biography: _Optional[str] = ...) -> None: ...

class ArtistSimilarRequest(_message.Message):
    __slots__ = ("id", "name", "mbid", "limit")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    mbid: str
    limit: int
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., mbid: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ArtistSimilarResponse(_message.Message):
    __slots__ = ("artists",)
    ARTISTS_FIELD_NUMBER: _ClassVar[int]
    artists: _containers.RepeatedCompositeFieldContainer[Artist]
    def __init__(self, artists: _Optional[_Iterable[_Union[Artist, _Mapping[str, object]]]] = ...) -> None: ...

class ArtistImageRequest(_message.Message):
    __slots__ = ("id", "name", "mbid")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    mbid: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., mbid: _Optional[str] = ...) -> None: ...

class ArtistImageResponse(_message.Message):
    __slots__ = ("images",)
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[ExternalImage]
    def __init__(self, images: _Optional[_Iterable[_Union[ExternalImage, _Mapping[str, object]]]] = ...) -> None: ...

class ArtistTopSongsRequest(_message.Message):
    __slots__ = ("id", "artistName", "mbid", "count")
    ID_FIELD_NUMBER: _ClassVar[int]
    ARTISTNAME_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    id: str
    artistName: str
    mbid: str
    count: int
    def __init__(self, id: _Optional[str] = ..., artistName: _Optional[str] = ..., mbid: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class ArtistTopSongsResponse(_message.Message):
    __slots__ = ("songs",)
    SONGS_FIELD_NUMBER: _ClassVar[int]
    songs: _containers.RepeatedCompositeFieldContainer[Song]
    def __init__(self, songs: _Optional[_Iterable[_Union[Song, _Mapping[str, object]]]] = ...) -> None: ...

class AlbumInfoRequest(_message.Message):
    __slots__ = ("name", "artist", "mbid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARTIST_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    name: str
    artist: str
    mbid: str
    def __init__(self, name: _Optional[str] = ..., artist: _Optional[str] = ..., mbid: _Optional[str] = ...) -> None: ...

class AlbumInfo(_message.Message):
    __slots__ = ("name", "mbid", "description", "url")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    name: str
    mbid: str
    description: str
    url: str
    def __init__(self, name: _Optional[str] = ..., mbid: _Optional[str] = ..., description: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class AlbumInfoResponse(_message.Message):
    __slots__ = ("info",)
    INFO_FIELD_NUMBER: _ClassVar[int]
    info: AlbumInfo
    def __init__(self, info: _Optional[_Union[AlbumInfo, _Mapping[str, object]]] = ...) -> None: ...

class AlbumImagesRequest(_message.Message):
    __slots__ = ("name", "artist", "mbid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARTIST_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    name: str
    artist: str
    mbid: str
    def __init__(self, name: _Optional[str] = ..., artist: _Optional[str] = ..., mbid: _Optional[str] = ...) -> None: ...

class AlbumImagesResponse(_message.Message):
    __slots__ = ("images",)
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[ExternalImage]
    def __init__(self, images: _Optional[_Iterable[_Union[ExternalImage, _Mapping[str, object]]]] = ...) -> None: ...

class TrackInfo(_message.Message):
    __slots__ = ("id", "mbid", "name", "album", "album_mbid", "artists", "album_artists", "length", "position")
    ID_FIELD_NUMBER: _ClassVar[int]
    MBID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALBUM_FIELD_NUMBER: _ClassVar[int]
    ALBUM_MBID_FIELD_NUMBER: _ClassVar[int]
    ARTISTS_FIELD_NUMBER: _ClassVar[int]
    ALBUM_ARTISTS_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    id: str
    mbid: str
    name: str
    album: str
    album_mbid: str
    artists: _containers.RepeatedCompositeFieldContainer[Artist]
    album_artists: _containers.RepeatedCompositeFieldContainer[Artist]
    length: int
    position: int
    def __init__(self, id: _Optional[str] = ..., mbid: _Optional[str] = ..., name: _Optional[str] = ..., album: _Optional[str] = ..., album_mbid: _Optional[str] = ..., artists: _Optional[_Iterable[_Union[Artist, _Mapping[str, object]]]] = ..., album_artists: _Optional[_Iterable[_Union[Artist, _Mapping[str, object]]]] = ..., length: _Optional[int] = ..., position: _Optional[int] = ...) -> None: ...

class ScrobblerIsAuthorizedRequest(_message.Message):
    __slots__ = ("user_id", "username")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    username: str
    def __init__(self, user_id: _Optional[str] = ..., username: _Optional[str] = ...) -> None: ...

class ScrobblerIsAuthorizedResponse(_message.Message):
    __slots__ = ("authorized", "error")
    AUTHORIZED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    authorized: bool
    error: str
    def __init__(self, authorized: _Optional[bool] = ..., error: _Optional[str] = ...) -> None: ...

class ScrobblerNowPlayingRequest(_message.Message):
    __slots__ = ("user_id", "username", "track", "timestamp")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    TRACK_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    username: str
    track: TrackInfo
    timestamp: int
    def __init__(self, user_id: _Optional[str] = ..., username: _Optional[str] = ..., track: _Optional[_Union[TrackInfo, _Mapping[str, object]]] = ..., timestamp: _Optional[int] = ...) -> None: ...

class ScrobblerNowPlayingResponse(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: str
    def __init__(self, error: _Optional[str] = ...) -> None: ...

class ScrobblerScrobbleRequest(_message.Message):
    __slots__ = ("user_id", "username", "track", "timestamp")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    TRACK_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    username: str
    track: TrackInfo
    timestamp: int
    def __init__(self, user_id: _Optional[str] = ..., username: _Optional[str] = ..., track: _Optional[_Union[TrackInfo, _Mapping[str, object]]] = ..., timestamp: _Optional[int] = ...) -> None: ...

class ScrobblerScrobbleResponse(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: str
    def __init__(self, error: _Optional[str] = ...) -> None: ...

class SchedulerCallbackRequest(_message.Message):
    __slots__ = ("schedule_id", "payload", "is_recurring")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    IS_RECURRING_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    payload: bytes
    is_recurring: bool
    def __init__(self, schedule_id: _Optional[str] = ..., payload: _Optional[bytes] = ..., is_recurring: _Optional[bool] = ...) -> None: ...

class SchedulerCallbackResponse(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: str
    def __init__(self, error: _Optional[str] = ...) -> None: ...

class OnTextMessageRequest(_message.Message):
    __slots__ = ("connection_id", "message")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    message: str
    def __init__(self, connection_id: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class OnTextMessageResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OnBinaryMessageRequest(_message.Message):
    __slots__ = ("connection_id", "data")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    data: bytes
    def __init__(self, connection_id: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class OnBinaryMessageResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OnErrorRequest(_message.Message):
    __slots__ = ("connection_id", "error")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    error: str
    def __init__(self, connection_id: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class OnErrorResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OnCloseRequest(_message.Message):
    __slots__ = ("connection_id", "code", "reason")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    code: int
    reason: str
    def __init__(self, connection_id: _Optional[str] = ..., code: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class OnCloseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InitRequest(_message.Message):
    __slots__ = ("config",)
    class ConfigEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    config: _containers.ScalarMap[str, str]
    def __init__(self, config: _Optional[_Mapping[str, str]] = ...) -> None: ...

class InitResponse(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: str
    def __init__(self, error: _Optional[str] = ...) -> None: ...
