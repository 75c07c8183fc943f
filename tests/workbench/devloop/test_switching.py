"""A plugin that is switched off is neither built nor reloaded, and is both again once it is switched on."""

from __future__ import annotations

import pytest

from engine.events import PluginState
from tests.workbench.devloop.bench import Bench, biography, replace_file, text_module
from workbench.devloop.errors import BuildError
from workbench.devloop.events import BuildFinished


async def test_a_plugin_that_is_switched_off_is_not_built(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wat": text_module("one")})
    async with bench.session() as session:
        await bench.log.state("probe", PluginState.READY)
        await session.engine.set_enabled("probe", is_enabled=False)
        assert [status.state for status in session.statuses()] == ["disabled"]
        with pytest.raises(BuildError, match="probe is disabled"):
            await session.devloop.build("probe")
        builds = len(bench.log.of(BuildFinished))
        replace_file(folder / "plugin.wat", text_module("two"))
        await session.engine.scan()
        assert len(bench.log.of(BuildFinished)) == builds
        await session.engine.set_enabled("probe", is_enabled=True)
        await bench.log.until(lambda: len(bench.log.of(BuildFinished)) > builds, "a build after switching on")
        await session.devloop.build("probe")
        assert await biography(session.engine, "probe") == "two"
