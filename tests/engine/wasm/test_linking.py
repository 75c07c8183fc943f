"""A linked module whose code is replaced by that of another tier."""

from __future__ import annotations

from dataclasses import replace

import pytest
import wasmtime

from engine.clock import SystemClock
from engine.settings import Fidelity
from engine.wasm.compile_worker import ModuleCompiler
from engine.wasm.linking import LinkedModule
from engine.wasm.module import CompiledModule, describe
from engine.wasm.runtime import ENGINE_SETTINGS, Runtime
from engine.wasm.senses import World
from engine.wasm.tier import Tier

MODULE = bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1))'))


def compiled(runtime: Runtime, tier: Tier) -> CompiledModule:
    code = ModuleCompiler(ENGINE_SETTINGS).compile(MODULE, tier)
    module = wasmtime.Module.deserialize(runtime.engine, code)
    return describe(module, sha256="ab", module_bytes=len(MODULE), code_bytes=len(code), tier=tier)


def linked(runtime: Runtime) -> LinkedModule:
    world = World(clock=SystemClock(), seed=None, fidelity=Fidelity.DOCUMENT)
    return LinkedModule(runtime, compiled(runtime, Tier.QUICK), (), world)


def test_better_code_of_the_same_module_is_what_new_instances_are_made_from(runtime: Runtime) -> None:
    module = linked(runtime)
    before = module.link
    better = compiled(runtime, Tier.OPTIMISED)
    module.replace(better)
    assert module.compiled is better
    assert module.link is not before


def test_code_of_another_module_is_refused_and_changes_nothing(runtime: Runtime) -> None:
    module = linked(runtime)
    before = module.link
    with pytest.raises(ValueError, match="same module"):
        module.replace(replace(compiled(runtime, Tier.OPTIMISED), sha256="cd"))
    assert (module.link, module.compiled.tier) == (before, Tier.QUICK)
