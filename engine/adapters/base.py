"""What an adapter is: one capability of one plugin, typed, with its errors in Navidrome's terms.

The rules are those of spec behaviour section 15.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from google.protobuf.message import Message

from engine.calls import CallResult, Outcome, PluginId
from engine.contracts.registry import CAPABILITIES, Method
from engine.errors import NotFound, NotImplementedByPlugin, PluginCallError, PluginFailed

NOT_FOUND = "plugin:not_found"
NOT_IMPLEMENTED = "plugin:not_implemented"

MessageT = TypeVar("MessageT", bound=Message)
CallPort = Callable[[PluginId, Method, Message], Coroutine[Any, Any, CallResult]]
"""How an adapter reaches its plugin: `Engine.call`, with everything resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What Navidrome would make of an answer: `ok` when it would use it, and one sentence."""

    ok: bool
    text: str


def outcome_of_text(text: str) -> Outcome:
    """What an error text means; the two special values count only as the whole text."""
    if text == NOT_FOUND:
        return Outcome.NOT_FOUND
    if text == NOT_IMPLEMENTED:
        return Outcome.NOT_IMPLEMENTED
    return Outcome.ERROR


def error_field(response: Message) -> str:
    """The text in the response's `error` field; empty when it has none."""
    if "error" not in response.DESCRIPTOR.fields_by_name:
        return ""
    return str(getattr(response, "error", ""))


class Adapter:
    """Base of the adapters. A subclass names its capability, offers typed methods and judges answers."""

    capability: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if cls.capability not in CAPABILITIES:
            raise TypeError(f"{cls.__name__}: there is no capability {cls.capability}")

    def __init__(self, plugin: PluginId, port: CallPort) -> None:
        self.plugin = plugin
        self._port = port

    async def _call(self, method: str, request: Message, answer_type: type[MessageT]) -> MessageT:
        """One call; raises `NotFound`, `NotImplementedByPlugin` or `PluginFailed` with the plugin's own text."""
        result = await self._port(self.plugin, CAPABILITIES[self.capability].methods[method], request)
        if result.outcome is not Outcome.OK:
            raise self._exception(result)
        assert isinstance(result.response, answer_type)
        return result.response

    def _exception(self, result: CallResult) -> PluginCallError:
        text = result.error or result.outcome.value
        kinds: dict[Outcome, type[PluginCallError]] = {
            Outcome.NOT_FOUND: NotFound,
            Outcome.NOT_IMPLEMENTED: NotImplementedByPlugin,
        }
        return kinds.get(result.outcome, PluginFailed)(text, hint=result.hint, plugin=result.plugin)

    @classmethod
    def judge(cls, result: CallResult) -> Verdict:
        """What Navidrome would make of this result."""
        if result.outcome is Outcome.OK:
            return cls._judge_answer(result)
        if result.outcome in (Outcome.NOT_FOUND, Outcome.NOT_IMPLEMENTED):
            return cls._judge_special(result)
        return Verdict(ok=False, text=f"the call fails: {result.error or result.outcome.value}")

    @classmethod
    def _judge_answer(cls, result: CallResult) -> Verdict:
        return Verdict(ok=True, text="the answer is used as it is")

    @classmethod
    def _judge_special(cls, result: CallResult) -> Verdict:
        return Verdict(ok=False, text=f"the call fails: {result.error}")
