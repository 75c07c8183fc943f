from __future__ import annotations

from dataclasses import replace

import pytest

from engine.contracts.host import cache_pb2, http_pb2
from engine.contracts.registry import (
    CAPABILITIES,
    HOST_SERVICES,
    Service,
    find_method,
    host_import_owner,
    index_imports,
    message_type,
)
from engine.errors import UnknownMethod


def test_the_capabilities_are_those_of_the_contract_in_its_order() -> None:
    assert list(CAPABILITIES) == [
        "MetadataAgent",
        "Scrobbler",
        "SchedulerCallback",
        "WebSocketCallback",
        "LifecycleManagement",
    ]


def test_methods_stand_in_the_order_in_which_a_capability_is_checked() -> None:
    assert [method.wire_name for method in CAPABILITIES["MetadataAgent"].methods.values()] == [
        "metadata_agent_get_artist_mbid",
        "metadata_agent_get_artist_url",
        "metadata_agent_get_artist_biography",
        "metadata_agent_get_similar_artists",
        "metadata_agent_get_artist_images",
        "metadata_agent_get_artist_top_songs",
        "metadata_agent_get_album_info",
        "metadata_agent_get_album_images",
    ]


def test_host_services_are_found_under_their_permission_keys() -> None:
    assert {service.package: name for name, service in HOST_SERVICES.items()} == {
        "http": "HttpService",
        "config": "ConfigService",
        "artwork": "ArtworkService",
        "cache": "CacheService",
        "scheduler": "SchedulerService",
        "websocket": "WebSocketService",
        "subsonicapi": "SubsonicAPIService",
    }


def test_only_capabilities_have_a_version_export() -> None:
    assert CAPABILITIES["Scrobbler"].version_export == "scrobbler_api_version"
    assert {service.version_export for service in HOST_SERVICES.values()} == {None}


def test_a_method_knows_its_message_classes() -> None:
    method = HOST_SERVICES["HttpService"].methods["Patch"]
    assert method.request_type is http_pb2.HttpRequest
    assert method.response_type is http_pb2.HttpResponse


def test_both_names_of_the_config_service_take_the_same_messages() -> None:
    methods = HOST_SERVICES["ConfigService"].methods
    assert methods["GetConfig"].request_type is methods["GetPluginConfig"].request_type
    assert methods["GetConfig"].response_type is methods["GetPluginConfig"].response_type


@pytest.mark.parametrize("text", ["GetArtistMBID", "MetadataAgent.GetArtistMBID"])
def test_a_method_is_found_by_its_full_name_and_by_a_short_one_that_is_unique(text: str) -> None:
    assert find_method(text) is CAPABILITIES["MetadataAgent"].methods["GetArtistMBID"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("GetArtistMbid", "Did you mean MetadataAgent.GetArtistMBID?"),
        ("metadataagent.getalbuminfo", "Did you mean MetadataAgent.GetAlbumInfo?"),
        ("MetadataAgent.AlbumInfo", "Did you mean MetadataAgent.GetAlbumInfo?"),
        ("Scrobbler.zzzzzzz", "Scrobbler has: IsAuthorized, NowPlaying, Scrobble."),
        ("CacheService.Get", "CacheService belongs to the host: plugins call it, it cannot be called by hand."),
        ("", "Write it as Service.Method, with one of these services: " + ", ".join(CAPABILITIES) + "."),
        (".", "Write it as Service.Method, with one of these services: " + ", ".join(CAPABILITIES) + "."),
    ],
)
def test_an_unknown_method_is_refused_with_the_nearest_thing_there_is(text: str, hint: str) -> None:
    with pytest.raises(UnknownMethod) as caught:
        find_method(text)
    assert caught.value.summary == f'no capability has a method "{text}"'
    assert caught.value.hint == hint


def test_a_name_of_any_length_is_refused_in_one_short_line() -> None:
    with pytest.raises(UnknownMethod) as caught:
        find_method("x" * 1_000_000)
    assert len(caught.value.summary) < 200


def test_a_short_name_that_two_services_have_must_be_written_in_full() -> None:
    scrobbler = CAPABILITIES["Scrobbler"]
    twins = {"One": scrobbler, "Two": scrobbler}
    with pytest.raises(UnknownMethod, match='more than one capability has a method "Scrobble"'):
        find_method("Scrobble", twins)


def test_a_message_is_found_by_its_name_with_package() -> None:
    assert message_type("cache.SetIntRequest") is cache_pb2.SetIntRequest
    with pytest.raises(KeyError):
        message_type("cache.Nothing")


def test_an_import_is_traced_back_to_the_method_it_belongs_to() -> None:
    owner = host_import_owner("set_string")
    assert owner is not None
    assert owner.full_name == "CacheService.SetString"
    assert host_import_owner("metadata_agent_get_artist_mbid") is None


def test_two_host_methods_of_one_import_name_are_a_fault_of_the_contract() -> None:
    http = HOST_SERVICES["HttpService"]
    impostor = replace(http.methods["Get"], service="Other", full_name="Other.Get")
    other = Service(name="Other", package="other", methods={"Get": impostor}, version_export=None)
    with pytest.raises(ValueError, match=r"HttpService\.Get and Other\.Get would both be imported as env\.get"):
        index_imports({"HttpService": http, "Other": other})
