"""LifecycleManagement: OnInit, once per plugin version."""

from __future__ import annotations

from collections.abc import Mapping

from engine.adapters.base import Adapter, Verdict
from engine.calls import CallResult
from engine.contracts import api_pb2 as api


class LifecycleManagement(Adapter):
    """`on_init` hands the plugin its configuration; any error means that it cannot be used."""

    capability = "LifecycleManagement"

    async def on_init(self, config: Mapping[str, str]) -> None:
        """Run OnInit with this configuration; raises `PluginCallError` when the plugin refuses it."""
        await self._call("OnInit", api.InitRequest(config=dict(config)), api.InitResponse)

    @classmethod
    def _judge_answer(cls, result: CallResult) -> Verdict:
        return Verdict(ok=True, text="the plugin is initialised")

    @classmethod
    def _judge_special(cls, result: CallResult) -> Verdict:
        return Verdict(ok=False, text=f"the plugin is unregistered: {result.error}")

    @classmethod
    def judge(cls, result: CallResult) -> Verdict:
        if result.ok:
            return cls._judge_answer(result)
        return Verdict(ok=False, text=f"the plugin is unregistered: {result.error or result.outcome.value}")
