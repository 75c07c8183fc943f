"""The SubsonicAPI service through a real module: linked by its permission, answered as the settings say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine import Engine, Outcome
from engine.contracts.host.subsonicapi_pb2 import CallRequest, CallResponse
from engine.events import PermissionRefused
from engine.settings import SubsonicSettings
from engine.settings_sources import SubsonicUser
from tests.engine.guests import host_import, plugin_wat
from tests.engine.harness import PluginHarness, manifest_of

MBID = "metadata_agent_get_artist_mbid"
METHOD = "MetadataAgent.GetArtistMBID"


def write(harness: PluginHarness, url: str, permission: dict[str, object] | None) -> None:
    raw = CallRequest(url=url).SerializeToString()
    escaped = "".join(f"\\{byte:02x}" for byte in raw)
    wat = plugin_wat(
        {MBID: f"(drop (call $call (i32.const 8192) (i32.const {len(raw)}))) (i64.const 0)"},
        imports=host_import("call"),
        fields=f'(data (i32.const 8192) "{escaped}")',
    )
    permissions = {} if permission is None else {"subsonicapi": {"reason": "tests"} | permission}
    harness.write(wat, manifest=manifest_of("probe", permissions=permissions))


async def answer_in(engine: Engine) -> CallResponse:
    result = await engine.call("probe", METHOD)
    assert result.outcome is Outcome.OK
    [host_call] = result.host_calls
    assert isinstance(host_call.response, CallResponse)
    return host_call.response


async def test_a_plugin_starts_without_a_music_server_and_is_told_so(harness: PluginHarness) -> None:
    write(harness, "ping?u=alice", {})
    async with harness.engine() as engine:
        assert await answer_in(engine) == CallResponse(error="SubsonicAPI router not available")


async def test_the_settings_give_users_and_answers(harness: PluginHarness, tmp_path: Path) -> None:
    (tmp_path / "ping.json").write_text('{"subsonic-response": {"status": "ok"}}')
    subsonic = SubsonicSettings(
        users=(SubsonicUser(name="alice"), SubsonicUser(name="root", is_admin=True)), folder=tmp_path
    )
    harness.settings = replace(harness.settings, workbench=replace(harness.settings.workbench, subsonic=subsonic))
    write(harness, "ping?u=alice", {})
    async with harness.engine() as engine:
        assert (await answer_in(engine)).json == '{"subsonic-response": {"status": "ok"}}'
        write(harness, "ping?u=root", {})
        await engine.refresh("probe")
        assert (await answer_in(engine)).error == "calling SubsonicAPI as admin user is not allowed"
    [refused] = harness.of(PermissionRefused)
    assert (refused.method, refused.target) == ("SubsonicAPIService.Call", "ping as root")
    assert '"allowAdmins": true' in refused.hint


async def test_without_the_permission_the_service_is_not_linked(harness: PluginHarness) -> None:
    write(harness, "ping?u=alice", None)
    async with harness.engine() as engine:
        info = await engine.ready("probe")
    assert info.hint is not None
    assert '"subsonicapi"' in info.hint
