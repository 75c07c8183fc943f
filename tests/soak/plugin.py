"""The plugin of the long runs, as WebAssembly text: it renews a schedule, and sends back every frame that it gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from engine.contracts.host.scheduler_pb2 import ScheduleOneTimeRequest, ScheduleRecurringRequest
from engine.contracts.host.websocket_pb2 import ConnectRequest
from engine.contracts.registry import find_method
from tests.engine.guests import host_import, plugin_wat
from tests.engine.harness import manifest_of

SCHEDULE = "MetadataAgent.GetArtistMBID"
"""Makes the plugin's schedules."""
CONNECT = "MetadataAgent.GetArtistURL"
"""Makes the plugin's connection."""
CHAIN_ID = "chain"
"""The one-time schedule whose callback makes it anew."""
CONNECTION_ID = "echo"

_CAPABILITIES = ("MetadataAgent", "SchedulerCallback", "WebSocketCallback")
_REQUESTS_AT = 8192
_IMPORTS = ("schedule_one_time", "schedule_recurring", "connect", "send_text", "send_binary")
_IS_RECURRING_TAG = 0x18


def manifest(name: str) -> Mapping[str, Any]:
    """The manifest of a plugin of this name."""
    local = {"reason": "tests", "allowedUrls": ["ws://127.0.0.1:*/*"], "allowLocalNetwork": True}
    return manifest_of(name, _CAPABILITIES, permissions={"scheduler": {"reason": "tests"}, "websocket": local})


def soak_wat(*, periods_s: Mapping[str, int], chain_s: int, url: str) -> str:
    """A plugin with a recurring schedule for each of `periods_s`, and a chain of one-time ones `chain_s` apart."""
    chain: Message = ScheduleOneTimeRequest(delay_seconds=chain_s, payload=b"link", schedule_id=CHAIN_ID)
    recurring: list[Message] = [
        ScheduleRecurringRequest(cron_expression=f"@every {period_s}s", payload=b"beat", schedule_id=schedule_id)
        for schedule_id, period_s in periods_s.items()
    ]
    asks, data = [], []
    at = _REQUESTS_AT
    for request in (chain, ConnectRequest(url=url, connection_id=CONNECTION_ID), *recurring):
        raw = request.SerializeToString()
        names = {ScheduleOneTimeRequest: "schedule_one_time", ConnectRequest: "connect"}
        name = names.get(type(request), "schedule_recurring")
        asks.append(f"(drop (call ${name} (i32.const {at}) (i32.const {len(raw)})))")
        escaped = "".join(f"\\{byte:02x}" for byte in raw)
        data.append(f'(data (i32.const {at}) "{escaped}")')
        at += len(raw)
    ask_chain, ask_connect, *ask_recurring = asks
    # A request about a recurring schedule ends with its field `is_recurring`, one about the chain does not.
    before_last = "(i32.load8_u (i32.add (local.get $ptr) (i32.sub (local.get $len) (i32.const 2))))"
    bodies = {
        find_method(SCHEDULE).wire_name: f"{ask_chain} {' '.join(ask_recurring)} (i64.const 0)",
        find_method(CONNECT).wire_name: f"{ask_connect} (i64.const 0)",
        find_method("OnSchedulerCallback").wire_name: (
            f"(if (i32.ne {before_last} (i32.const {_IS_RECURRING_TAG})) (then {ask_chain})) (i64.const 0)"
        ),
        # What a frame comes in has the same fields as what one is sent with: it goes back as it is.
        find_method("OnTextMessage").wire_name: _send_back("send_text"),
        find_method("OnBinaryMessage").wire_name: _send_back("send_binary"),
    }
    imports = "".join(host_import(name) for name in _IMPORTS)
    return plugin_wat(bodies, capabilities=_CAPABILITIES, imports=imports, fields="".join(data))


def _send_back(name: str) -> str:
    return f"(drop (call ${name} (local.get $ptr) (local.get $len))) (i64.const 0)"
