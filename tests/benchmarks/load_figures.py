"""Loading code that was compiled before: module read and hashed, code digested and mapped; against the Go stack."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Final

from engine.plugins.discovery import MODULE_NAME
from engine.wasm.compile_cache import CompileCache
from engine.wasm.compile_worker import ModuleCompiler
from engine.wasm.module import describe
from engine.wasm.runtime import ENGINE_SETTINGS, Runtime
from engine.wasm.tier import Tier
from tests.benchmarks.comparison import Figure
from tests.benchmarks.ground import Ground

_PLUGIN: Final = "loaded"
_MOST_RATIO: Final = {Tier.OPTIMISED: 0.25, Tier.QUICK: 0.4}


async def measure(ground: Ground) -> list[Figure]:
    """Both tiers, in turn with the Go stack, which gets a fresh runtime and a fresh cache object each time."""
    module = ground.subject / MODULE_NAME
    runtime = Runtime()
    caches = {tier: await asyncio.to_thread(_filled, ground, runtime, tier, module) for tier in Tier}
    ours: dict[Tier, list[float]] = {tier: [] for tier in Tier}
    go: list[float] = []
    if ground.peer is not None:
        await ground.peer.compile(module, cache=ground.go_cache("loads"))
    for _ in range(ground.effort.loads):
        for tier, cache in caches.items():
            ours[tier].append(_load(runtime, cache, module))
        if ground.peer is not None:
            go.append((await ground.peer.compile(module, cache=ground.go_cache("loads"))).compile_ns)
    for cache in caches.values():
        cache.close()
    return [
        Figure(
            key=f"load_{tier}",
            what=f"cached load, digests included, {tier} tier",
            ours=ours[tier],
            go=go,
            most_ratio=_MOST_RATIO[tier],
        )
        for tier in reversed(Tier)
    ]


def _filled(ground: Ground, runtime: Runtime, tier: Tier, module: Path) -> CompileCache:
    """A cache that holds the module's code of this tier and nothing else."""
    cache = CompileCache(ground.scratch / "loads" / tier, runtime, size_limit_bytes=None, on_fault=_give_up)
    data = module.read_bytes()
    code = ModuleCompiler(ENGINE_SETTINGS).compile(data, tier)
    cache.store(hashlib.sha256(data).hexdigest(), tier, code, plugin=_PLUGIN, module_bytes=len(data), compile_ns=0)
    return cache


def _load(runtime: Runtime, cache: CompileCache, module: Path) -> int:
    begin = time.perf_counter_ns()
    data = module.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    cached = cache.load(sha256, plugin=_PLUGIN)
    assert cached is not None, "it was stored, and nothing was reported"
    describe(cached.module, sha256=sha256, module_bytes=len(data), code_bytes=cached.code_bytes)
    return time.perf_counter_ns() - begin


def _give_up(path: Path, error: str) -> None:
    raise RuntimeError(f"{path}: {error}")
