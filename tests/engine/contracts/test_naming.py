from __future__ import annotations

import pytest

from engine.contracts.naming import guest_export, host_import, snake, version_export


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GetArtistMBID", "get_artist_mbid"),
        ("GetArtistURL", "get_artist_url"),
        ("HTTPServer", "http_server"),
        ("GetMBIDs", "get_mbi_ds"),
        ("Sha256Sum", "sha256_sum"),
        ("Get2FACode", "get2_fa_code"),
        ("get", "get"),
        ("A", "A".lower()),
        ("", ""),
        ("ABc", "a_bc"),
        ("already_snake", "already_snake"),
        ("Mixed_Case", "mixed__case"),
    ],
)
def test_names_are_split_where_the_calling_convention_splits_them(text: str, expected: str) -> None:
    assert snake(text) == expected


def test_service_and_method_are_glued_before_they_are_converted() -> None:
    assert guest_export("SubsonicAPI", "HTTPGet") == "subsonic_apihttp_get"
    assert guest_export("MetadataAgent", "GetArtistMBID") == "metadata_agent_get_artist_mbid"


def test_the_version_export_is_named_after_the_service_alone() -> None:
    assert version_export("WebSocketCallback") == "web_socket_callback_api_version"


def test_a_host_import_is_named_after_the_method_alone() -> None:
    assert host_import("GetPluginConfig") == "get_plugin_config"
