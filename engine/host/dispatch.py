"""Between a guest import and a host service: decode, run, time, record, encode; and the fence around it.

Whatever a service does, the guest sees an answer or is stopped with a text, and one `HostCallFinished` is sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping

from google.protobuf.message import Message

from engine.calls import HostCall, HostCallId, Outcome
from engine.contracts.codec import DecodeError, decode, encode
from engine.contracts.registry import HOST_SERVICES, Method
from engine.errors import EngineError
from engine.events import EventBus, HostCallFinished, HostCallStarted
from engine.host.base import HostService, HostTrap
from engine.wasm.faults import GuestFault, HostStop
from engine.wasm.linking import HostImport
from engine.wasm.scope import CallScope

_log = logging.getLogger(__name__)


class HostDispatcher:
    """The host services of one engine, offered to plugins by permission; safe from any thread."""

    def __init__(self, services: Iterable[HostService], bus: EventBus) -> None:
        self._services: Mapping[str, HostService] = {service.service: service for service in services}
        self._bus = bus

    @property
    def services(self) -> Mapping[str, HostService]:
        """By the name of their `.proto` service."""
        return self._services

    def imports(self, granted: frozenset[str]) -> tuple[HostImport, ...]:
        """The functions to link for a plugin that is granted these permission keys."""
        return tuple(
            self._import(service, method)
            for name, service in self._services.items()
            if HOST_SERVICES[name].package in granted
            for method in HOST_SERVICES[name].methods.values()
        )

    def prepare(self, granted: frozenset[str]) -> None:
        """A plugin that is granted these permission keys has been loaded; on the loop."""
        for name, service in self._services.items():
            if HOST_SERVICES[name].package in granted:
                service.prepare()

    def close(self) -> None:
        """Close every service."""
        for service in self._services.values():
            service.close()

    def _import(self, service: HostService, method: Method) -> HostImport:
        def handle(scope: CallScope, data: bytes) -> bytes:
            return self._handle(service, method, scope, data)

        return HostImport(name=method.wire_name, handler=handle)

    def _handle(self, service: HostService, method: Method, scope: CallScope, data: bytes) -> bytes:
        host_call_id = scope.begin_host_call(method.full_name)
        self._bus.publish(
            HostCallStarted(
                time_ns=scope.clock.now_ns(),
                plugin=scope.plugin,
                call_id=scope.call_id,
                host_call_id=host_call_id,
                method=method.full_name,
            )
        )
        record = _Record(host_call_id, method, scope, len(data))
        try:
            answer = self._run(service, method, scope, data, record)
        finally:
            host_call = record.finish()
            scope.end_host_call(host_call)
            self._bus.publish(
                HostCallFinished(
                    time_ns=scope.clock.now_ns(), plugin=scope.plugin, call_id=scope.call_id, host_call=host_call
                )
            )
        return answer

    def _run(self, service: HostService, method: Method, scope: CallScope, data: bytes, record: _Record) -> bytes:
        limit = scope.limits.host_request_bytes
        try:
            if len(data) > limit:
                text = f"{method.full_name}: the request has {len(data)} bytes, the limit is {limit} bytes"
                raise HostStop(Outcome.TRAP, text)
            decoded = decode(method.request_type, data)
            record.request, record.is_repaired = decoded.message, decoded.is_repaired
            response = service.call(method.name, decoded.message, scope)
            encoded = encode(response)
        except HostStop as stop:
            record.trap(stop.text)
            raise
        except DecodeError as error:
            record.trap(f"{method.full_name}: cannot decode the request: {error}")
            raise HostStop(Outcome.TRAP, str(record.text)) from error
        except (HostTrap, EngineError) as error:
            record.trap(str(error))
            raise HostStop(Outcome.TRAP, str(record.text)) from error
        except GuestFault:
            raise
        except Exception as error:
            _log.exception("host service %s failed", method.full_name)
            record.trap(f"{method.full_name} failed inside the host: {error}")
            raise HostStop(Outcome.TRAP, str(record.text)) from error
        record.response, record.response_bytes = response, len(encoded)
        if "error" in response.DESCRIPTOR.fields_by_name:
            record.text = getattr(response, "error", "") or None
        return encoded


class _Record:
    """What is learnt about one host call on its way."""

    def __init__(self, host_call_id: HostCallId, method: Method, scope: CallScope, request_bytes: int) -> None:
        self.request: Message | None = None
        self.response: Message | None = None
        self.is_repaired = False
        self.response_bytes = 0
        self.text: str | None = None
        self._is_trap = False
        self._id = host_call_id
        self._method = method
        self._scope = scope
        self._request_bytes = request_bytes
        self._begin = time.perf_counter_ns()

    def trap(self, text: str) -> None:
        self.text, self._is_trap = text, True

    def finish(self) -> HostCall:
        return HostCall(
            host_call_id=self._id,
            method=self._method.full_name,
            request=self.request,
            response=self.response,
            error=self.text,
            is_trap=self._is_trap,
            is_repaired=self.is_repaired,
            start_ns=self._begin - self._scope.started_ns,
            duration_ns=time.perf_counter_ns() - self._begin,
            request_bytes=self._request_bytes,
            response_bytes=self.response_bytes,
            notes=self._scope.notes,
        )
