"""What may be asked of a running workbench, and how it answers: `refresh` and `scan`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from engine.errors import EngineError, UnknownPlugin
from engine.plugins.info import PluginInfo


class ControlledEngine(Protocol):
    """What a control request needs of the engine; `Engine` fits."""

    async def scan(self) -> object: ...

    async def refresh(self, name: str) -> PluginInfo: ...


async def answer(engine: ControlledEngine, request: Mapping[str, object]) -> Mapping[str, object]:
    """Do what `request` asks for, on the engine's loop; a failure is an answer with `ok` false."""
    try:
        match request:
            case {"do": "scan"}:
                await engine.scan()
                return {"ok": True}
            case {"do": "refresh", "plugin": str(name)}:
                return {"ok": True, "plugin": as_json(await _refresh(engine, name))}
            case _:
                return {"ok": False, "error": "unknown request", "hint": "Both programs must be of one version."}
    except EngineError as error:
        return {"ok": False, "error": error.summary, "hint": error.hint}


async def _refresh(engine: ControlledEngine, name: str) -> PluginInfo:
    try:
        return await engine.refresh(name)
    except UnknownPlugin:
        # It may have come a moment ago.
        await engine.scan()
        return await engine.refresh(name)


def as_json(info: PluginInfo) -> dict[str, object]:
    """What a refresh came to."""
    return {
        "name": info.id,
        "version": info.version,
        "state": info.state.value,
        "generation": info.generation,
        "tier": info.tier,
        "error": info.error,
        "hint": info.hint,
        "place": None if info.place is None else str(info.place),
    }
