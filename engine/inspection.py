"""Judging a plugin's folder without loading it: all that would keep it from being brought up, not only the first.

The checks are those of `loading.py`, every one of them asked. Nothing that serves is touched and OnInit is not called.
Where an instance is started to be asked for its versions, no host function is carried out: the guest is stopped at
the first one it calls, and what it would have become stays open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import Final

from engine.calls import CallId, Outcome, PluginId, cut_text
from engine.contracts.registry import CAPABILITIES, Service
from engine.errors import CompileError, EngineError, LinkError, Place, StartError
from engine.host.dispatch import HostDispatcher
from engine.plugins.discovery import MODULE_NAME, DiscoveredPlugin, plugin_in
from engine.plugins.manifest import MANIFEST_NAME, Manifest, place_in_manifest
from engine.plugins.permissions import PERMISSION_KEYS
from engine.settings import Settings
from engine.starting import check_version, run_start
from engine.wasm import abi
from engine.wasm.compiler import Compiler
from engine.wasm.faults import GuestFault, HostStop
from engine.wasm.instance import Instance
from engine.wasm.linking import (
    HostImport,
    LinkedModule,
    allocator_problems,
    import_problems,
    is_for_later_navidrome,
    method_problems,
    shape_problems,
    version_problems,
)
from engine.wasm.module import CompiledModule
from engine.wasm.runtime import Runtime
from engine.wasm.scope import CallScope
from engine.wasm.senses import World
from engine.wasm.threads import GuestThreads

_MOST_PROBLEMS: Final = 100
"""Imports or exports of one module that are told; a module may have as many wrong ones as it likes."""


class Step(StrEnum):
    """What an inspection looks at, in this order."""

    MANIFEST = "manifest"
    MODULE = "module"
    """plugin.wasm is compiled, and its imports and exports are held against the manifest."""
    START = "start"
    """An instance is started and asked for the version of each capability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is to be said of a plugin's folder."""

    steps: tuple[Step, ...]
    """What was looked at; a step is left out when an earlier one leaves nothing to look at."""
    manifest: Manifest | None
    """None when it cannot be used."""
    errors: tuple[EngineError, ...]
    """What keeps the plugin from being loaded, each with the file it is about, in the order of the steps."""
    notes: tuple[str, ...]
    """What could not be judged, and why."""
    missing_module: EngineError | None
    """There is no plugin.wasm yet; not among the errors."""


class Inspector:
    """Inspects folders with the engine's own compiler, limits and offer of imports; belongs to the engine's loop."""

    def __init__(
        self,
        *,
        settings: Settings,
        runtime: Runtime,
        compiler: Compiler,
        dispatcher: HostDispatcher,
        threads: GuestThreads,
        world: World,
        make_scope: Callable[[PluginId, CallId | None], CallScope],
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._compiler = compiler
        self._dispatcher = dispatcher
        self._threads = threads
        self._world = world
        self._make_scope = make_scope

    async def inspect(self, folder: Path, *, may_start: bool) -> Inspection:
        """Judge the plugin in `folder`; with `may_start` false nothing of it runs."""
        found, is_built = await asyncio.to_thread(_look_at, folder)
        report = _Report(found)
        if found.error is not None:
            report.errors.append(found.error)
        if found.has_module:
            await self._judge_module(report, may_start=may_start)
        elif is_built:
            report.errors.append(found.module_error)
        return report.result(missing_module=None if is_built else found.module_error)

    async def _judge_module(self, report: _Report, *, may_start: bool) -> None:
        found, manifest = report.found, report.found.manifest
        report.steps.append(Step.MODULE)
        try:
            compiled = await self._compiler.compile(found.id, found.module_path)
        except CompileError as error:
            report.errors.append(error)
            return
        if manifest is None:
            report.notes.append("the module was not held against the manifest, which cannot be used")
        granted, capabilities = self._terms(manifest)
        imports = self._dispatcher.imports(granted)
        offered = frozenset(item.name for item in imports)
        file = found.path / MANIFEST_NAME
        unmet = list(
            islice(
                import_problems(
                    compiled,
                    offered,
                    granted=granted,
                    permissions_place=lambda: place_in_manifest(file, "permissions"),
                ),
                _MOST_PROBLEMS + 1,
            )
        )
        asked: list[str] = []
        linked = None
        if not unmet:
            try:
                stopping = [_stopping(item, asked) for item in imports]
                linked = LinkedModule(self._runtime, compiled, stopping, self._world)
            except LinkError as error:
                unmet.append(error)
        misshapen = list(shape_problems(compiled))
        report.add(compiled, chain(unmet, misshapen, _capability_problems(compiled, capabilities)))
        if manifest is not None and linked is not None and not misshapen and may_start:
            await self._judge_start(report, linked, capabilities, asked)

    def _terms(self, manifest: Manifest | None) -> tuple[frozenset[str], Sequence[Service]]:
        """What the module may import, as permission keys, and must offer; without a manifest anything and nothing."""
        if manifest is None:
            return frozenset(PERMISSION_KEYS), ()
        permissions = manifest.permissions.under(self._settings.workbench.undeclared_permissions)
        return permissions.granted(), [CAPABILITIES[name] for name in manifest.capabilities]

    async def _judge_start(
        self, report: _Report, linked: LinkedModule, capabilities: Sequence[Service], asked: list[str]
    ) -> None:
        limits = self._settings.limits
        scope = self._make_scope(report.found.id, None)
        askable = [service for service in capabilities if not any(version_problems(linked.compiled, service))]
        faults = await run_start(
            lambda: _faults_of_start(Instance(linked, limits), askable, scope, asked),
            scope,
            threads=self._threads,
            limit_s=limits.start_timeout_s,
        )
        report.steps.append(Step.START)
        report.errors += faults
        if asked:
            report.notes.append(
                f"while it starts the module calls {abi.HOST_MODULE}.{asked[0]}, and host functions are not carried "
                "out here: how it starts, and its API version, only loading it will tell"
            )


class _Report:
    """An inspection that is being made."""

    def __init__(self, found: DiscoveredPlugin) -> None:
        self.found = found
        self.steps = [Step.MANIFEST]
        self.errors: list[EngineError] = []
        self.notes: list[str] = []

    def add(self, compiled: CompiledModule, problems: Iterator[LinkError]) -> None:
        """Take the problems of a module; of one for another plugin system the first says it all."""
        limit = 1 if is_for_later_navidrome(compiled) else _MOST_PROBLEMS
        self.errors += islice(problems, limit)
        if limit > 1 and next(problems, None) is not None:
            self.notes.append(f"more is wrong with the module than the {limit} problems told")

    def result(self, *, missing_module: EngineError | None) -> Inspection:
        return Inspection(
            steps=tuple(self.steps),
            manifest=self.found.manifest,
            errors=tuple(map(self._placed, self.errors)),
            notes=tuple(self.notes),
            missing_module=missing_module,
        )

    def _placed(self, error: EngineError) -> EngineError:
        """The error with the plugin and the file it is about; what has none is about the module."""
        place = error.place or Place()
        if place.file is None:
            place = replace(place, file=self.found.module_path)
        return type(error)(cut_text(error.summary), hint=error.hint, plugin=self.found.id, place=place)


def _look_at(folder: Path) -> tuple[DiscoveredPlugin, bool]:
    """The plugin in a folder, and whether there is a plugin.wasm at all, be it one that cannot be read."""
    found = plugin_in(folder)
    try:
        (folder / MODULE_NAME).lstat()
    except FileNotFoundError:
        return found, False
    except OSError:
        return found, True
    return found, True


def _capability_problems(compiled: CompiledModule, capabilities: Sequence[Service]) -> Iterator[LinkError]:
    """What is wrong with the exports of the declared capabilities; one that is not there at all is told once."""
    for service in capabilities:
        yield from version_problems(compiled, service)
        if any(name in compiled.exports for name in _export_names(service)):
            yield from method_problems(compiled, service)
    if capabilities:
        yield from allocator_problems(compiled)


def _export_names(service: Service) -> Iterator[str]:
    if service.version_export is not None:
        yield service.version_export
    yield from (method.wire_name for method in service.methods.values())


def _stopping(item: HostImport, asked: list[str]) -> HostImport:
    """The import as it is linked here: it takes down that it was called, and stops the guest."""

    def stop(_scope: CallScope, _request: bytes) -> bytes:
        asked.append(item.name)
        raise HostStop(Outcome.CANCELLED, f"{abi.HOST_MODULE}.{item.name} is not carried out here")

    return replace(item, handler=stop)


def _faults_of_start(
    instance: Instance, capabilities: Sequence[Service], scope: CallScope, asked: list[str]
) -> list[EngineError]:
    """Guest thread: what goes wrong when an instance starts and answers for its capabilities, up to the first trap."""
    faults: list[EngineError] = []
    try:
        instance.start(scope)
        for service in capabilities:
            try:
                check_version(instance, service, scope)
            except StartError as error:
                faults.append(error)
    except GuestFault as fault:
        if not asked:
            faults.append(StartError(f"the module cannot be started: {fault}", hint=fault.hint))
    finally:
        instance.close()
    return faults
