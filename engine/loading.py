"""Bringing up one version of a plugin: manifest, compile, link check, one started instance (spec section 20).

Nothing here touches what serves already. Either a complete `PluginVersion` comes out, or an error that says
what is wrong and where, and nothing is left behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from engine.calls import CallId, PluginId, cut_text
from engine.clock import Clock
from engine.contracts.registry import CAPABILITIES, Service
from engine.errors import EngineError, Place, PluginLoadError, StartError
from engine.events import EventBus, InstanceDiscarded, InstanceStarted, PoolChanged, TierChanged
from engine.host.dispatch import HostDispatcher
from engine.invocation import PluginVersion
from engine.plugins.discovery import DiscoveredPlugin
from engine.plugins.manifest import MANIFEST_NAME, place_in_manifest
from engine.plugins.permissions import Permissions
from engine.settings import Settings
from engine.starting import check_version, run_start
from engine.tasks import Tasks
from engine.wasm.compiler import Compiler
from engine.wasm.faults import GuestFault
from engine.wasm.instance import Instance
from engine.wasm.linking import (
    LinkedModule,
    allocator_problems,
    import_problems,
    method_problems,
    raise_first,
    shape_problems,
    version_problems,
)
from engine.wasm.module import CompiledModule
from engine.wasm.pool import InstancePool, PoolFigures, PoolObserver, SpareBudget
from engine.wasm.pool_statistics import DiscardReason
from engine.wasm.runtime import Runtime
from engine.wasm.scope import CallScope
from engine.wasm.senses import World
from engine.wasm.threads import GuestThreads


class Loader:
    """Makes plugin versions out of folders; belongs to the engine's loop."""

    def __init__(
        self,
        *,
        settings: Settings,
        runtime: Runtime,
        compiler: Compiler,
        dispatcher: HostDispatcher,
        threads: GuestThreads,
        world: World,
        clock: Clock,
        bus: EventBus,
        tasks: Tasks,
        prepares: bool,
    ) -> None:
        """`prepares`: host services may get ready in the background for the plugins that were loaded."""
        self._prepares = prepares
        self._settings = settings
        self._runtime = runtime
        self._compiler = compiler
        self._dispatcher = dispatcher
        self._threads = threads
        self._clock = clock
        self._bus = bus
        self._tasks = tasks
        self._world = world
        self._spares = SpareBudget(settings.pool.max_idle_total)

    async def bring_up(self, found: DiscoveredPlugin, generation: int) -> PluginVersion:
        """Load what `found` points to; raises `EngineError` (`ManifestError`, `DiscoveryError`, `PluginLoadError`)."""
        if found.error is not None:
            raise found.error
        if not found.has_module:
            raise found.module_error
        manifest = found.manifest
        assert manifest is not None, "an entry without an error has a manifest"
        plugin = PluginId(manifest.name)
        compiled = await self._compiler.compile(plugin, found.module_path)
        config = self._settings.config_for(plugin, found.folder)
        permissions = manifest.permissions.under(self._settings.workbench.undeclared_permissions)
        granted = permissions.granted()
        imports = self._dispatcher.imports(granted)
        capabilities = [CAPABILITIES[name] for name in manifest.capabilities]
        scope = self._bound_scope(plugin, permissions, config)
        with _load_errors(found, capabilities[0]):
            raise_first(
                import_problems(
                    compiled,
                    frozenset(item.name for item in imports),
                    granted=granted,
                    permissions_place=lambda: place_in_manifest(found.path / MANIFEST_NAME, "permissions"),
                )
            )
            linked = LinkedModule(self._runtime, compiled, imports, self._world)
            raise_first(shape_problems(compiled))
        instance = await run_start(
            lambda: self._start_and_check(found, linked, scope, capabilities),
            scope,
            threads=self._threads,
            limit_s=self._settings.limits.start_timeout_s,
            discard=Instance.close,
        )
        pool = InstancePool(
            make=lambda: Instance(linked, self._settings.limits),
            spare_scope=lambda: self._bound_scope(plugin, permissions, config),
            threads=self._threads,
            settings=self._settings.pool,
            budget=self._spares,
            observer=_PoolEvents(plugin, generation, self._clock, self._bus),
            tasks=self._tasks,
        )
        pool.adopt(instance)
        if self._prepares:
            self._dispatcher.prepare(granted)  # not before: it would take the interpreter from the load itself
        return PluginVersion(
            generation=generation, manifest=manifest, permissions=permissions, config=config, linked=linked, pool=pool
        )

    def reconsider(self, found: DiscoveredPlugin) -> None:
        """A newer load of this plugin waits for one under way: end that if it compiles what is outdated by now."""
        self._compiler.reconsider(found.id, found.module_path)

    def forget(self, plugin: PluginId) -> None:
        """The plugin is gone: nothing is compiled for it any more."""
        self._compiler.forget(plugin)

    def improve(self, found: DiscoveredPlugin, version: PluginVersion) -> None:
        """Have the optimised code made for a version that serves quick code; new instances run it once it is there.

        Those that are there, spares included, stay as they are. A spare serves one call or is dropped after a minute,
        so renewing them all would cost more than it brings; under `PoolMode.REUSE` their memory must not be lost.
        """
        plugin, linked = PluginId(version.manifest.name), version.linked

        def swap(compiled: CompiledModule) -> None:
            linked.replace(compiled)
            self._bus.publish(
                TierChanged(
                    time_ns=self._clock.now_ns(), plugin=plugin, generation=version.generation, tier=compiled.tier
                )
            )

        self._compiler.improve(plugin, found.module_path, linked.compiled, swap)

    def scope(self, plugin: PluginId, call_id: CallId | None) -> CallScope:
        """A fresh scope for one call, or for starting an instance (`call_id` None)."""
        return CallScope(
            plugin=plugin,
            call_id=call_id,
            limits=self._settings.limits,
            clock=self._clock,
            bus=self._bus,
            wake=self._runtime.interrupt,
        )

    def _bound_scope(self, plugin: PluginId, permissions: Permissions, config: Mapping[str, str]) -> CallScope:
        scope = self.scope(plugin, None)
        scope.bind(permissions, config)
        return scope

    def _start_and_check(
        self, found: DiscoveredPlugin, linked: LinkedModule, scope: CallScope, capabilities: list[Service]
    ) -> Instance:
        """Guest thread: start one instance, then check each capability in the order of spec abi section 4."""
        instance = Instance(linked, self._settings.limits)
        try:
            with _load_errors(found, capabilities[0]):
                instance.start(scope)
            for service in capabilities:
                with _load_errors(found, service):
                    _check_capability(instance, service, scope)
        except BaseException:
            instance.close()
            raise
        return instance


def _check_capability(instance: Instance, service: Service, scope: CallScope) -> None:
    compiled = instance.linked.compiled
    raise_first(version_problems(compiled, service))
    check_version(instance, service, scope)
    raise_first(method_problems(compiled, service))
    raise_first(allocator_problems(compiled))


@contextlib.contextmanager
def _load_errors(found: DiscoveredPlugin, service: Service) -> Iterator[None]:
    """Failures inside carry the plugin, the file, and the text that Navidrome puts before them."""
    try:
        yield
    except (PluginLoadError, GuestFault) as error:
        kind = type(error) if isinstance(error, PluginLoadError) else StartError
        place = error.place if isinstance(error, PluginLoadError) else None
        raise kind(
            f"baseCapability: failed to load instance for {found.id}_{service.name}: {cut_text(str(error))}",
            hint=error.hint,
            plugin=found.id,
            place=place or Place(file=found.module_path),
        ) from error


def load_failure(error: BaseException) -> EngineError:
    """Any failure of `bring_up` as an `EngineError`; what is not one already is our own fault and says so."""
    if isinstance(error, EngineError):
        return error
    return PluginLoadError(f"the engine failed while loading: {error}")


class _PoolEvents(PoolObserver):
    """Publishes what happens in a pool."""

    def __init__(self, plugin: PluginId, generation: int, clock: Clock, bus: EventBus) -> None:
        self._plugin = plugin
        self._generation = generation
        self._clock = clock
        self._bus = bus

    def started(self, instance: Instance) -> None:
        self._bus.publish(
            InstanceStarted(
                time_ns=self._clock.now_ns(),
                plugin=self._plugin,
                instance_id=instance.instance_id,
                generation=self._generation,
                duration_ns=instance.start_ns,
                memory_bytes=instance.memory_size(),
            )
        )

    def discarded(self, instance: Instance, reason: DiscardReason) -> None:
        self._bus.publish(
            InstanceDiscarded(
                time_ns=self._clock.now_ns(), plugin=self._plugin, instance_id=instance.instance_id, reason=reason
            )
        )

    def changed(self, figures: PoolFigures) -> None:
        self._bus.publish(
            PoolChanged(
                time_ns=self._clock.now_ns(),
                plugin=self._plugin,
                idle=figures.idle,
                busy=figures.busy,
                waiting=figures.waiting,
                started=figures.started,
            )
        )
