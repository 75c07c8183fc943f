"""WebSocketCallback: messages, errors and the end of a connection."""

from __future__ import annotations

from engine.adapters.base import Adapter, Verdict
from engine.calls import CallResult
from engine.contracts import api_pb2 as api


class WebSocketCallback(Adapter):
    """One method per socket event; errors are logged and change nothing about the connection."""

    capability = "WebSocketCallback"

    async def on_text_message(self, connection_id: str, message: str) -> None:
        """Deliver a text frame."""
        request = api.OnTextMessageRequest(connection_id=connection_id, message=message)
        await self._call("OnTextMessage", request, api.OnTextMessageResponse)

    async def on_binary_message(self, connection_id: str, data: bytes) -> None:
        """Deliver a binary frame."""
        request = api.OnBinaryMessageRequest(connection_id=connection_id, data=data)
        await self._call("OnBinaryMessage", request, api.OnBinaryMessageResponse)

    async def on_error(self, connection_id: str, error: str) -> None:
        """Report that the connection broke."""
        request = api.OnErrorRequest(connection_id=connection_id, error=error)
        await self._call("OnError", request, api.OnErrorResponse)

    async def on_close(self, connection_id: str, code: int, reason: str) -> None:
        """Report the end of the connection."""
        request = api.OnCloseRequest(connection_id=connection_id, code=code, reason=reason)
        await self._call("OnClose", request, api.OnCloseResponse)

    @classmethod
    def judge(cls, result: CallResult) -> Verdict:
        if result.ok:
            return Verdict(ok=True, text="the event is delivered")
        return Verdict(
            ok=False, text=f"the error is logged and changes nothing: {result.error or result.outcome.value}"
        )
