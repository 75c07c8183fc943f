"""Services, methods and messages of the plugin contract, derived from the compiled `.proto` files.

The list of generated modules is all that is written by hand here; every name a module exports or imports, and every
message type, comes from the descriptors.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from engine.contracts import api_pb2, naming
from engine.contracts.host import (
    artwork_pb2,
    cache_pb2,
    config_pb2,
    http_pb2,
    scheduler_pb2,
    subsonicapi_pb2,
    websocket_pb2,
)
from engine.contracts.pool import POOL
from engine.errors import UnknownMethod

_CAPABILITY_FILE = api_pb2.DESCRIPTOR
_HOST_FILES = (
    http_pb2.DESCRIPTOR,
    config_pb2.DESCRIPTOR,
    artwork_pb2.DESCRIPTOR,
    cache_pb2.DESCRIPTOR,
    scheduler_pb2.DESCRIPTOR,
    websocket_pb2.DESCRIPTOR,
    subsonicapi_pb2.DESCRIPTOR,
)

_LONGEST_COMPARED = 100
"""Characters of an unknown name that the search for a similar one looks at; it is quadratic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One rpc of a capability or of a host service."""

    service: str
    name: str
    full_name: str
    """`Service.Method`, as people write it."""
    wire_name: str
    """The guest's export for a capability method, its import from `naming.HOST_MODULE` for a host method."""
    request_type: type[Message]
    response_type: type[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A capability that plugins implement, or a host service that they call."""

    name: str
    package: str
    """The proto package; for a host service also its key under `permissions` in the manifest."""
    methods: Mapping[str, Method]
    """By name, in the order of the `.proto` file."""
    version_export: str | None
    """The export that answers a capability's version; None for a host service."""


def _method(descriptor: MethodDescriptor, wire_name: str) -> Method:
    service = descriptor.containing_service.name
    return Method(
        service=service,
        name=descriptor.name,
        full_name=f"{service}.{descriptor.name}",
        wire_name=wire_name,
        request_type=GetMessageClass(descriptor.input_type),
        response_type=GetMessageClass(descriptor.output_type),
    )


def _capability(descriptor: ServiceDescriptor) -> Service:
    return Service(
        name=descriptor.name,
        package=descriptor.file.package,
        methods=MappingProxyType(
            {rpc.name: _method(rpc, naming.guest_export(descriptor.name, rpc.name)) for rpc in descriptor.methods}
        ),
        version_export=naming.version_export(descriptor.name),
    )


def _host_service(descriptor: ServiceDescriptor) -> Service:
    return Service(
        name=descriptor.name,
        package=descriptor.file.package,
        methods=MappingProxyType({rpc.name: _method(rpc, naming.host_import(rpc.name)) for rpc in descriptor.methods}),
        version_export=None,
    )


def _services(file: FileDescriptor) -> list[ServiceDescriptor]:
    return list(file.services_by_name.values())


def index_imports(services: Mapping[str, Service]) -> Mapping[str, Method]:
    """The methods of `services` by import name.

    All host services share one wasm module, so two methods of one name could not be told apart: that is a fault of the
    contract and raises `ValueError`.
    """
    owners: dict[str, Method] = {}
    for service in services.values():
        for method in service.methods.values():
            other = owners.setdefault(method.wire_name, method)
            if other is not method:
                raise ValueError(
                    f"{other.full_name} and {method.full_name} would both be imported as "
                    f"{naming.HOST_MODULE}.{method.wire_name}"
                )
    return MappingProxyType(owners)


CAPABILITIES: Final[Mapping[str, Service]] = MappingProxyType(
    {descriptor.name: _capability(descriptor) for descriptor in _services(_CAPABILITY_FILE)}
)
"""What a plugin may implement, by the name its manifest uses, in the order of `api.proto`."""

HOST_SERVICES: Final[Mapping[str, Service]] = MappingProxyType(
    {descriptor.name: _host_service(descriptor) for file in _HOST_FILES for descriptor in _services(file)}
)
"""What a plugin may call, by service name; `Service.package` is the manifest's permission key."""

_IMPORT_OWNERS: Final = index_imports(HOST_SERVICES)


def find_method(text: str, services: Mapping[str, Service] = CAPABILITIES) -> Method:
    """The method that a person means by `Service.Method`, or by `Method` alone where only one service has it.

    Raises `UnknownMethod`, with the nearest name as its hint.
    """
    service_name, dot, method_name = text.rpartition(".")
    if dot:
        service = services.get(service_name)
        matches = [service.methods[method_name]] if service and method_name in service.methods else []
    else:
        matches = [service.methods[text] for service in services.values() if text in service.methods]
    match matches:
        case [method]:
            return method
        case []:
            shown = text if len(text) <= _LONGEST_COMPARED else f"{text[:_LONGEST_COMPARED]}..."
            raise UnknownMethod(f'no capability has a method "{shown}"', hint=_nearest(text, services))
        case _:
            choices = " or ".join(method.full_name for method in matches)
            raise UnknownMethod(f'more than one capability has a method "{text}"', hint=f"Say {choices}.")


def _nearest(text: str, services: Mapping[str, Service]) -> str:
    """What to do about an unknown method name."""
    service_name = text.partition(".")[0]
    if service_name in HOST_SERVICES and service_name not in services:
        return f"{service_name} belongs to the host: plugins call it, it cannot be called by hand."
    named = services.get(service_name)
    full_names = {
        spelling.lower(): method.full_name
        for service in ([named] if named else services.values())
        for method in service.methods.values()
        for spelling in (method.full_name, method.name)
    }
    wanted = text.removeprefix(f"{service_name}.") if named else text
    begun = [full_name for spelling, full_name in full_names.items() if wanted and spelling.startswith(wanted.lower())]
    if begun:
        return f"Did you mean {begun[0]}?"
    close = difflib.get_close_matches(wanted[:_LONGEST_COMPARED].lower(), full_names, n=1)
    if close:
        return f"Did you mean {full_names[close[0]]}?"
    if named:
        return f"{named.name} has: {', '.join(named.methods)}."
    return f"Write it as Service.Method, with one of these services: {', '.join(services)}."


def message_type(full_name: str) -> type[Message]:
    """The class of a message by its name with package, such as `http.HttpRequest`; `KeyError` when there is none."""
    return GetMessageClass(POOL.FindMessageTypeByName(full_name))


def host_import_owner(import_name: str) -> Method | None:
    """The host method that a module imports from `naming.HOST_MODULE` under this name, or None."""
    return _IMPORT_OWNERS.get(import_name)
