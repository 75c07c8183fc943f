"""One contract for all well-behaved sample plugins: they load, and every method answers every fitting request."""

from __future__ import annotations

import pytest

from engine import Engine
from engine.calls import Outcome
from engine.contracts.registry import CAPABILITIES
from engine.events import PluginState
from engine.inspection import Step
from engine.plugins.manifest import read_manifest
from tests.samples.bench import SAMPLES, SampleBench
from workbench.demo.presets import PRESETS
from workbench.demo.samples import sample_sources

pytestmark = pytest.mark.go

WELL_BEHAVED = [plugin for plugin in SAMPLES if plugin != "misbehaver"]
METHODS = [
    (plugin, method.full_name)
    for plugin in WELL_BEHAVED
    for capability in read_manifest(sample_sources() / plugin / "manifest.json").capabilities
    for method in CAPABILITIES[capability].methods.values()
]
ANSWERS = {Outcome.OK, Outcome.NOT_FOUND, Outcome.NOT_IMPLEMENTED}


@pytest.mark.parametrize("plugin", SAMPLES)
async def test_a_sample_loads(samples: SampleBench, plugin: str) -> None:
    async with samples.open(plugin) as sample:
        assert (sample.info.state, sample.info.error) == (PluginState.READY, None)


@pytest.mark.parametrize("plugin", SAMPLES)
async def test_a_sample_passes_inspection(samples: SampleBench, plugin: str) -> None:
    async with Engine(samples.settings, folders=()) as engine:
        inspection = await engine.inspect(samples.folder / plugin)
    assert (inspection.errors, inspection.notes) == ((), ())
    assert inspection.steps == tuple(Step)


@pytest.mark.parametrize(("plugin", "method"), METHODS)
async def test_every_method_answers_known_values(samples: SampleBench, plugin: str, method: str) -> None:
    service, _, name = method.partition(".")
    request_name = CAPABILITIES[service].methods[name].request_type.DESCRIPTOR.full_name
    init = {"api.InitRequest": {"config": samples.settings.config_for(plugin)}}
    async with samples.open(plugin) as sample:
        for preset in PRESETS:
            result = await sample.call(method, {**preset.values, **init}[request_name])
            assert result.outcome in ANSWERS, (preset.title, result.error)
            assert result.trap is None


@pytest.mark.parametrize(("plugin", "method"), METHODS)
async def test_every_method_answers_an_empty_request(samples: SampleBench, plugin: str, method: str) -> None:
    async with samples.open(plugin) as sample:
        result = await sample.call(method)
        assert result.outcome in {*ANSWERS, Outcome.ERROR}
        assert result.trap is None
