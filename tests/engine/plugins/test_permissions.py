"""Permissions as values: what is granted, what an absent key means, and the manifest lines in hints."""

from __future__ import annotations

import json

import pytest

from engine.plugins.manifest import parse_manifest
from engine.plugins.permissions import (
    PERMISSION_KEYS,
    Permission,
    Permissions,
    hint_for_http,
    hint_for_service,
    hint_for_websocket,
)
from tests.engine.plugins.manifests import manifest_bytes

DOCUMENT_SERVICES = {"http", "config", "artwork", "cache", "scheduler", "websocket"}


def test_nothing_is_granted_unless_it_is_named() -> None:
    assert Permissions().granted() == frozenset()
    assert Permissions(cache=Permission(reason="x")).granted() == {"cache"}


def test_an_absent_key_means_the_services_of_the_document_on_the_public_network() -> None:
    permissions = Permissions.undeclared()
    assert permissions.granted() == DOCUMENT_SERVICES
    assert permissions.http is not None
    assert permissions.websocket is not None
    assert permissions.http.allowed_urls == {"*": ("*",)}
    assert permissions.websocket.allowed_urls == ("*",)
    assert not permissions.http.allow_local_network
    assert not permissions.websocket.allow_local_network


def test_a_setting_may_refuse_or_widen_what_was_not_declared() -> None:
    undeclared = Permissions.undeclared()
    refused, widened = undeclared.under("refuse"), undeclared.under("local")
    assert refused.granted() == frozenset()
    assert widened.granted() == DOCUMENT_SERVICES
    assert widened.http is not None
    assert widened.http.allow_local_network
    assert not refused.is_declared
    assert not widened.is_declared
    assert undeclared.under("document") == undeclared


def test_the_setting_leaves_declared_permissions_alone() -> None:
    declared = Permissions(cache=Permission(reason="x"))
    assert declared.under("refuse") is declared
    assert declared.under("local") is declared


@pytest.mark.parametrize(
    "hint",
    [
        *map(hint_for_service, PERMISSION_KEYS),
        hint_for_http('https://a.example/"*', ["GET", "POST"], local_network=True),
        hint_for_websocket("wss://ä.example/*", local_network=True),
    ],
)
def test_the_line_in_a_hint_is_one_that_a_manifest_can_have(hint: str) -> None:
    prefix, _, line = hint.partition('"permissions": ')
    assert prefix == "To allow it, manifest.json needs "
    entries = json.loads(line)
    for entry in entries.values():
        entry["reason"] = "x"
    granted = parse_manifest(manifest_bytes(permissions=entries)).permissions.granted()
    assert granted == set(entries)
