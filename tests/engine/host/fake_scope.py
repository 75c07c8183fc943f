"""A `HostScope` for tests of host services: writable permissions and config, everything reported is kept."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.calls import CallId, PluginId
from engine.plugins.permissions import HttpPermission, Permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One report of `HostScope.refused`."""

    target: str
    reason: str
    hint: str


def http_permissions(
    allowed_urls: Mapping[str, tuple[str, ...]] | None = None, *, allow_local_network: bool = True
) -> Permissions:
    """Permissions with the http service alone; every URL and method unless told otherwise."""
    urls = {"*": ("*",)} if allowed_urls is None else allowed_urls
    return Permissions(http=HttpPermission(reason="tests", allowed_urls=urls, allow_local_network=allow_local_network))


TEST_PLUGIN = PluginId("test-plugin")


@dataclass
class FakeScope:
    """One capability call, as far as a host service may know it."""

    plugin: PluginId = TEST_PLUGIN
    call_id: CallId | None = None
    initialising: int | None = None
    permissions: Permissions = field(default_factory=http_permissions)
    config: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    stop_reason: str = "context canceled"
    left_s: float | None = None
    notes: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def remaining_s(self) -> float | None:
        return self.left_s

    def note(self, text: str) -> None:
        self.notes.append(text)

    def refused(self, *, target: str, reason: str, hint: str) -> None:
        self.refusals.append(Refusal(target=target, reason=reason, hint=hint))
