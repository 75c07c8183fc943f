"""The link check and the linked module: what a module needs against what this plugin may have.

Everything that can be known before an instance runs is refused here, in the order and with the texts of
spec abi section 4, plus a hint an author can act on.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import wasmtime

from engine.contracts.registry import HOST_SERVICES, Service, host_import_owner
from engine.errors import LinkError, Place
from engine.plugins.permissions import hint_for_service
from engine.wasm import abi, wasi
from engine.wasm.module import CompiledModule, Import, Signature
from engine.wasm.paths import HostBody, HostFunction, Link
from engine.wasm.runtime import Runtime
from engine.wasm.scope import CallScope
from engine.wasm.senses import World

_FOR_LATER_NAVIDROME: Final = (
    "This module is built for the plugin system of Navidrome 0.60 and later, which is not supported yet. "
    "Build it against github.com/navidrome/navidrome v0.57 to v0.59."
)


_UNKNOWN_IMPORT: Final = re.compile(r"unknown import: `(?P<module>.*)::(?P<name>.*)` has not been defined")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostImport:
    """A host function offered to one plugin: its import name, and what it does with an encoded request."""

    name: str
    handler: Callable[[CallScope, bytes], bytes]
    """Runs on the guest's thread; raises `HostStop` to stop the guest."""


class LinkedModule:
    """A module with all its imports resolved, from which instances are made; safe from any thread."""

    def __init__(self, runtime: Runtime, compiled: CompiledModule, imports: Sequence[HostImport], world: World) -> None:
        """Raises `LinkError` when wasmtime finds an import missing or of another type."""
        self.runtime = runtime
        self.world = world
        self._functions = (*wasi.functions(world), *(_function(item) for item in imports))
        self._served = self._link(compiled)

    @property
    def compiled(self) -> CompiledModule:
        """What new instances are made from; of one module always, though its tier may change."""
        return self._served[0]

    @property
    def link(self) -> Link:
        """Makes new instances. Those that are there hold the link they came from."""
        return self._served[1]

    def replace(self, compiled: CompiledModule) -> None:
        """From now on new instances run this code of the same module; those that are there go on with the old."""
        if compiled.sha256 != self.compiled.sha256:
            raise ValueError("a linked module is replaced by other code of the same module only")
        self._served = self._link(compiled)

    def _link(self, compiled: CompiledModule) -> tuple[CompiledModule, Link]:
        try:
            return compiled, self.runtime.path.link(self.runtime, compiled.module, self._functions)
        except wasmtime.WasmtimeError as error:
            raise LinkError(_import_text(str(error))) from error


def _function(item: HostImport) -> HostFunction:
    params, results = abi.METHOD_TYPE
    return HostFunction(module=abi.HOST_MODULE, name=item.name, params=params, results=results, body=_serving(item))


def _serving(item: HostImport) -> HostBody:
    handler = item.handler

    def body(guest: _ScopedGuest, pointer: int, length: int) -> int:
        scope = guest.scope
        return abi.serve(guest, pointer, length, lambda request: handler(scope, request))

    return body


class _ScopedGuest(abi.Guest):
    scope: CallScope


def check_imports(
    compiled: CompiledModule,
    offered: frozenset[str],
    *,
    granted: frozenset[str],
    permissions_place: Callable[[], Place],
) -> None:
    """Refuse a module that imports what this plugin is not given; raises `LinkError`.

    `offered` are the names of the imports that are linked, `granted` the manifest's permission keys, and
    `permissions_place` says where in the manifest another one would stand.
    """
    for item in compiled.imports:
        if item.module.startswith("extism:host/"):
            raise LinkError(
                f'"{item.name}" is not exported in module "{item.module}"',
                hint=_FOR_LATER_NAVIDROME,
            )
        if item.module == abi.HOST_MODULE:
            _check_host_import(item, offered, granted, permissions_place)
        elif item.module != abi.WASI_MODULE:
            raise LinkError(
                f'"{item.name}" is not exported in module "{item.module}"',
                hint=f'Plugins may import from "{abi.HOST_MODULE}" and "{abi.WASI_MODULE}" only.',
                place=Place(export=f"{item.module}.{item.name}"),
            )


def _check_host_import(
    item: Import, offered: frozenset[str], granted: frozenset[str], permissions_place: Callable[[], Place]
) -> None:
    place = Place(export=f"{item.module}.{item.name}")
    text = f'"{item.name}" is not exported in module "{item.module}"'
    if item.name in offered:
        if item.signature != abi.METHOD_TYPE:
            raise LinkError(
                f"{item.module}.{item.name} is imported as {_words(item.signature)}, "
                f"the host offers {_words(abi.METHOD_TYPE)}",
                hint="Host functions take a pointer and a length and answer one packed 64-bit word.",
                place=place,
            )
        return
    owner = host_import_owner(item.name)
    if owner is None:
        near = difflib.get_close_matches(item.name, offered, n=1)
        raise LinkError(
            text,
            hint=f'No host service has a function "{item.name}".' + (f' Did you mean "{near[0]}"?' if near else ""),
            place=place,
        )
    service, permission = owner.service, HOST_SERVICES[owner.service].package
    if permission in granted:
        raise LinkError(text, hint=f"This engine does not offer {service} yet.", place=place)
    raise LinkError(
        text,
        hint=f"The module calls {service}, and the manifest does not grant it. {hint_for_service(permission)}.",
        place=permissions_place(),
    )


def check_shape(compiled: CompiledModule) -> None:
    """Refuse a module that cannot even be started: no memory, an `_initialize` of another type."""
    if not compiled.has_memory:
        raise LinkError(
            "memory is not exported",
            hint='Export one 32-bit memory under the name "memory"; toolchains for wasm32-wasip1 do.',
            place=Place(export=abi.MEMORY),
        )
    if abi.INITIALIZE in compiled.exports:
        _require(compiled, abi.INITIALIZE, abi.INITIALIZE_TYPE)


def check_version_export(compiled: CompiledModule, service: Service) -> str:
    """The name of a capability's version export, which is there and of the right type; raises `LinkError`."""
    name = service.version_export
    assert name is not None, "capability services have a version export"
    if compiled.exports.get(name) is None:
        raise LinkError(f"{name} is not exported", hint=_hint_for_missing(compiled, service), place=Place(export=name))
    if compiled.exports[name] != abi.VERSION_TYPE:
        raise LinkError(f"invalid {name} signature", hint="It takes nothing and answers one i64.")
    return name


def check_methods(compiled: CompiledModule, service: Service) -> None:
    """Refuse a module that lacks a method of a capability, or the allocator; raises `LinkError`."""
    for method in service.methods.values():
        _require(compiled, method.wire_name, abi.METHOD_TYPE, _hint_for_missing(compiled, service))
    _require(compiled, abi.MALLOC, abi.MALLOC_TYPE)
    _require(compiled, abi.FREE, abi.FREE_TYPE)


def _require(compiled: CompiledModule, name: str, expected: Signature, hint: str | None = None) -> None:
    signature = compiled.exports.get(name)
    if signature is None:
        raise LinkError(f"{name} is not exported", hint=hint, place=Place(export=name))
    if signature != expected:
        raise LinkError(
            f"{name} is exported as {_words(signature)}, expected {_words(expected)}", place=Place(export=name)
        )


def _hint_for_missing(compiled: CompiledModule, service: Service) -> str:
    if any(name.startswith("nd_") for name in compiled.exports):
        return _FOR_LATER_NAVIDROME
    if "_start" in compiled.exports and abi.INITIALIZE not in compiled.exports:
        return "The module is a command, not a reactor. With Go, build with -buildmode=c-shared."
    return (
        f'manifest.json declares "{service.name}": implement and register it '
        f'(in Go: api.Register{service.name}), or drop it from "capabilities".'
    )


def _words(signature: Signature | None) -> str:
    if signature is None:
        return "something other than a function"
    params, results = signature
    return f"({', '.join(params)}) -> ({', '.join(results)})"


def _import_text(text: str) -> str:
    """wasmtime's refusal of an import, with an unknown one in the words of the calling convention."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else text
    unknown = _UNKNOWN_IMPORT.search(last)
    return last if unknown is None else f'"{unknown["name"]}" is not exported in module "{unknown["module"]}"'
