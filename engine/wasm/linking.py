"""The link check and the linked module: what a module needs against what this plugin may have.

Everything that can be known before an instance runs is judged here, in the order and with the texts of
spec abi section 4, plus a hint an author can act on. The checks yield what is wrong in that order: loading refuses
with the first (`raise_first`), an inspection tells them all.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
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

_LATER_HOST: Final = "extism:host/"
"""What Navidrome 0.60 and later call the modules of their host functions."""
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


def raise_first(problems: Iterable[LinkError]) -> None:
    """Refuse a module for the first of its problems, if it has one."""
    for problem in problems:
        raise problem


def import_problems(
    compiled: CompiledModule,
    offered: frozenset[str],
    *,
    granted: frozenset[str],
    permissions_place: Callable[[], Place],
) -> Iterator[LinkError]:
    """What a module imports that this plugin is not given; a missing permission or a foreign module is told once.

    `offered` are the names of the imports that are linked, `granted` the manifest's permission keys, and
    `permissions_place` says where in the manifest another one would stand. Unknown functions of WASI and imports that
    are no functions are left to `LinkedModule`.
    """
    told: set[tuple[str, str]] = set()
    for item in compiled.imports:
        cause = _cause(item, offered)
        if cause in told:
            continue
        problem = _import_problem(item, offered, granted, permissions_place)
        if problem is not None:
            told.add(cause)
            yield problem


def _cause(item: Import, offered: frozenset[str]) -> tuple[str, str]:
    """What would have to be mended for an import: the same for all functions of a service that is not granted."""
    if item.module.startswith(_LATER_HOST):
        return _LATER_HOST, ""
    if item.module != abi.HOST_MODULE:
        return item.module, ""
    owner = None if item.name in offered else host_import_owner(item.name)
    return item.module, item.name if owner is None else owner.service


def _import_problem(
    item: Import, offered: frozenset[str], granted: frozenset[str], permissions_place: Callable[[], Place]
) -> LinkError | None:
    if item.module == abi.HOST_MODULE:
        return _host_import_problem(item, offered, granted, permissions_place)
    if item.module == abi.WASI_MODULE:
        return None
    text = f'"{item.name}" is not exported in module "{item.module}"'
    if item.module.startswith(_LATER_HOST):
        return LinkError(text, hint=_FOR_LATER_NAVIDROME)
    return LinkError(
        text,
        hint=f'Plugins may import from "{abi.HOST_MODULE}" and "{abi.WASI_MODULE}" only.',
        place=Place(export=f"{item.module}.{item.name}"),
    )


def _host_import_problem(
    item: Import, offered: frozenset[str], granted: frozenset[str], permissions_place: Callable[[], Place]
) -> LinkError | None:
    place = Place(export=f"{item.module}.{item.name}")
    text = f'"{item.name}" is not exported in module "{item.module}"'
    if item.name in offered:
        if item.signature == abi.METHOD_TYPE:
            return None
        return LinkError(
            f"{item.module}.{item.name} is imported as {_words(item.signature)}, "
            f"the host offers {_words(abi.METHOD_TYPE)}",
            hint="Host functions take a pointer and a length and answer one packed 64-bit word.",
            place=place,
        )
    owner = host_import_owner(item.name)
    if owner is None:
        near = difflib.get_close_matches(item.name, offered, n=1)
        return LinkError(
            text,
            hint=f'No host service has a function "{item.name}".' + (f' Did you mean "{near[0]}"?' if near else ""),
            place=place,
        )
    service, permission = owner.service, HOST_SERVICES[owner.service].package
    if permission in granted:
        return LinkError(text, hint=f"This engine does not offer {service} yet.", place=place)
    return LinkError(
        text,
        hint=f"The module calls {service}, and the manifest does not grant it. {hint_for_service(permission)}.",
        place=permissions_place(),
    )


def is_for_later_navidrome(compiled: CompiledModule) -> bool:
    """Whether a module shows that it was built for the plugin system of Navidrome 0.60 and later."""
    return any(item.module.startswith(_LATER_HOST) for item in compiled.imports) or any(
        name.startswith("nd_") for name in compiled.exports
    )


def shape_problems(compiled: CompiledModule) -> Iterator[LinkError]:
    """Why a module cannot even be started: no memory, an `_initialize` of another type."""
    if not compiled.has_memory:
        yield LinkError(
            "memory is not exported",
            hint='Export one 32-bit memory under the name "memory"; toolchains for wasm32-wasip1 do.',
            place=Place(export=abi.MEMORY),
        )
    if abi.INITIALIZE in compiled.exports:
        yield from _export_problems(compiled, abi.INITIALIZE, abi.INITIALIZE_TYPE)


def version_problems(compiled: CompiledModule, service: Service) -> Iterator[LinkError]:
    """Why a capability cannot be asked for its version: no such export, or one of another type."""
    name = version_export(service)
    if compiled.exports.get(name) is None:
        yield LinkError(f"{name} is not exported", hint=_hint_for_missing(compiled, service), place=Place(export=name))
    elif compiled.exports[name] != abi.VERSION_TYPE:
        hint = "It takes nothing and answers one i64."
        yield LinkError(f"invalid {name} signature", hint=hint, place=Place(export=name))


def version_export(service: Service) -> str:
    """The export that answers a capability's version."""
    assert service.version_export is not None, "capability services have a version export"
    return service.version_export


def method_problems(compiled: CompiledModule, service: Service) -> Iterator[LinkError]:
    """The methods of a capability that a module lacks, or has with another type, in the order of the service."""
    hint = _hint_for_missing(compiled, service)
    for method in service.methods.values():
        yield from _export_problems(compiled, method.wire_name, abi.METHOD_TYPE, hint)


def allocator_problems(compiled: CompiledModule) -> Iterator[LinkError]:
    """What is wrong with the functions that every request and answer needs memory from."""
    yield from _export_problems(compiled, abi.MALLOC, abi.MALLOC_TYPE)
    yield from _export_problems(compiled, abi.FREE, abi.FREE_TYPE)


def _export_problems(
    compiled: CompiledModule, name: str, expected: Signature, hint: str | None = None
) -> Iterator[LinkError]:
    signature = compiled.exports.get(name)
    if signature is None:
        yield LinkError(f"{name} is not exported", hint=hint, place=Place(export=name))
    elif signature != expected:
        yield LinkError(
            f"{name} is exported as {_words(signature)}, expected {_words(expected)}", place=Place(export=name)
        )


def _hint_for_missing(compiled: CompiledModule, service: Service) -> str:
    if is_for_later_navidrome(compiled):
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
