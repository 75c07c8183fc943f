"""The wire: messages, names of exports and imports, result words."""

from __future__ import annotations

import base64

import pytest

from engine.contracts.codec import DecodeError, build, decode, encode
from engine.contracts.naming import guest_export, host_import, version_export
from engine.contracts.registry import CAPABILITIES, HOST_SERVICES, message_type
from engine.wasm.abi import ResultWord, unpack_guest, unpack_host
from tests.spec.cases import Case


def wire(case: Case) -> None:
    kind = message_type(case.value["message"])
    data = bytes.fromhex(case.value["hex"])
    if case.value.get("error"):
        with pytest.raises(DecodeError):
            decode(kind, data)
        return
    if "fields" in case.value:
        expected = build(kind, _fields(case.value["fields"]))
        assert encode(expected).hex() == case.value["hex"]
    else:
        expected = build(kind, _fields(case.value["decode"]))
    decoded = decode(kind, data).message
    decoded.DiscardUnknownFields()
    assert decoded == expected


def guest_export_name(case: Case) -> None:
    service, method = case.value["service"], case.value["method"]
    assert guest_export(service, method) == case.value["export"]
    if "version_export" in case.value:
        assert version_export(service) == case.value["version_export"]
    if service in CAPABILITIES:
        assert CAPABILITIES[service].methods[method].wire_name == case.value["export"]


def host_import_name(case: Case) -> None:
    service, method = case.value["service"], case.value["method"]
    assert host_import(method) == case.value["import"]
    if service in HOST_SERVICES:
        assert HOST_SERVICES[service].methods[method].wire_name == case.value["import"]


def guest_result_word(case: Case) -> None:
    _same_word(unpack_guest(int(case.value["value"])), case)


def host_result_word(case: Case) -> None:
    _same_word(unpack_host(int(case.value["value"])), case)


def _same_word(word: ResultWord, case: Case) -> None:
    expected = (case.value["ptr"], case.value["size"], case.value.get("is_error", False))
    assert (word.ptr, word.size, word.is_error) == expected


def _fields(value: object) -> dict[str, object]:
    """The members of a message, byte strings as ProtoJSON has them."""
    converted = _converted(value)
    assert isinstance(converted, dict)
    return converted


def _converted(value: object) -> object:
    if isinstance(value, dict):
        if value.keys() == {"hex"}:
            return base64.b64encode(bytes.fromhex(value["hex"])).decode()
        return {key: _converted(member) for key, member in value.items()}
    return [_converted(item) for item in value] if isinstance(value, list) else value
