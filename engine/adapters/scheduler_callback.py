"""SchedulerCallback: a scheduled time has come."""

from __future__ import annotations

from engine.adapters.base import Adapter, Verdict
from engine.calls import CallResult
from engine.contracts import api_pb2 as api


class SchedulerCallback(Adapter):
    """`on_scheduler_callback` delivers one tick; an error is logged and nothing is retried."""

    capability = "SchedulerCallback"

    async def on_scheduler_callback(self, schedule_id: str, payload: bytes, is_recurring: bool) -> None:
        """Deliver a tick with the plugin's own id and its payload unchanged."""
        request = api.SchedulerCallbackRequest(schedule_id=schedule_id, payload=payload, is_recurring=is_recurring)
        await self._call("OnSchedulerCallback", request, api.SchedulerCallbackResponse)

    @classmethod
    def judge(cls, result: CallResult) -> Verdict:
        if result.ok:
            return Verdict(ok=True, text="the callback is done")
        return Verdict(
            ok=False, text=f"the error is logged, nothing is retried: {result.error or result.outcome.value}"
        )
