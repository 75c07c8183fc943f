"""The config service."""

from __future__ import annotations

import pytest

from engine.contracts.host.config_pb2 import GetPluginConfigRequest, GetPluginConfigResponse
from engine.host import ConfigService
from tests.engine.host.fake_scope import FakeScope


@pytest.mark.parametrize("method", ["GetConfig", "GetPluginConfig"])
@pytest.mark.parametrize("config", [{}, {"Api_Key": "k", "api_key": "k", "ünïcode": ""}])
def test_both_methods_answer_the_plugins_own_section(method: str, config: dict[str, str]) -> None:
    answer = ConfigService().call(method, GetPluginConfigRequest(), FakeScope(config=config))
    assert answer == GetPluginConfigResponse(config=config)
