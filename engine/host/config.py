"""The config service: a plugin's own section of the settings, never another's (spec behaviour section 5)."""

from __future__ import annotations

from engine.contracts.host.config_pb2 import GetPluginConfigRequest, GetPluginConfigResponse
from engine.host.base import HostScope, HostService


class ConfigService(HostService):
    """Answers the `PluginConfig` section of the calling plugin; an empty map when it has none."""

    service = "ConfigService"

    def get_plugin_config(self, request: GetPluginConfigRequest, scope: HostScope) -> GetPluginConfigResponse:
        return GetPluginConfigResponse(config=scope.config)

    def get_config(self, request: GetPluginConfigRequest, scope: HostScope) -> GetPluginConfigResponse:
        """The document's name for the same answer (C4)."""
        return self.get_plugin_config(request, scope)
