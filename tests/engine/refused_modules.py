"""Modules that no engine can load, each with the words it is refused with."""

from __future__ import annotations

from typing import Any

from tests.engine.guests import PROC_EXIT, host_import, plugin_wat

NAVIDROME_060 = """(module
  (import "extism:host/env" "length" (func (param i64) (result i64)))
  (memory (export "memory") 1))"""


def wat_with_types(name: str, type_text: str, body: str) -> str:
    """A plugin with one export that has another type or body."""
    return plugin_wat(drop=[name], fields=f'(func (export "{name}") {type_text} {body})')


REFUSALS: list[tuple[str, str | bytes, dict[str, Any], str, str | None]] = [
    ("an empty file", b"", {}, "the file is empty", None),
    ("no wasm at all", b"#!/bin/sh\n", {}, "is not a WebAssembly module", None),
    ("text in place of a binary", b"(module)", {}, "WebAssembly text", None),
    ("a component", b"\x00asm\x0d\x00\x01\x00", {}, "component", None),
    ("a truncated module", b"\x00asm\x01\x00\x00\x00\x01\x7f", {}, "failed to compile WASM for plugin probe", None),
    (
        "a host function without its permission",
        plugin_wat(imports=host_import("get")),
        {},
        '"get" is not exported in module "env"',
        '"permissions": {"http"',
    ),
    (
        "a misspelt host function",
        plugin_wat(imports=host_import("get_confg")),
        {"permissions": {"config": {"reason": "r"}}},
        '"get_confg" is not exported in module "env"',
        'Did you mean "get_config"?',
    ),
    (
        "a host function of another type",
        plugin_wat(imports='(import "env" "get_config" (func (param i32) (result i64)))'),
        {"permissions": {"config": {"reason": "r"}}},
        "env.get_config is imported as (i32) -> (i64)",
        None,
    ),
    (
        "an import from elsewhere",
        plugin_wat(imports='(import "mystery" "f" (func))'),
        {},
        'in module "mystery"',
        "wasi_snapshot_preview1",
    ),
    ("a module for Navidrome 0.60", NAVIDROME_060, {}, "extism:host/env", "0.60"),
    (
        "nd_ exports of Navidrome 0.60",
        '(module (memory (export "memory") 1) (func (export "nd_get_artist_mbid")))',
        {},
        "metadata_agent_api_version is not exported",
        "0.60",
    ),
    (
        "a declared capability without its exports",
        plugin_wat(),
        {"capabilities": ["MetadataAgent", "Scrobbler"]},
        "scrobbler_api_version is not exported",
        "RegisterScrobbler",
    ),
    (
        "one method missing",
        plugin_wat(drop=["metadata_agent_get_album_info"]),
        {},
        "metadata_agent_get_album_info is not exported",
        None,
    ),
    ("no malloc", plugin_wat(drop=["malloc"]), {}, "malloc is not exported", None),
    ("no free", plugin_wat(drop=["free"]), {}, "free is not exported", None),
    ("no memory", plugin_wat(drop=["memory"]), {}, "memory is not exported", "32-bit memory"),
    (
        "a method of another type",
        wat_with_types("metadata_agent_get_artist_url", "(param i64) (result i64)", "(i64.const 0)"),
        {},
        "metadata_agent_get_artist_url is exported as (i64) -> (i64), expected (i32, i32) -> (i64)",
        None,
    ),
    (
        "a version export without a result",
        wat_with_types("metadata_agent_api_version", "", ""),
        {},
        "invalid metadata_agent_api_version signature",
        None,
    ),
    (
        "another API version",
        wat_with_types("metadata_agent_api_version", "(result i64)", "(i64.const 2)"),
        {},
        "API version mismatch, host: 1, plugin: 2",
        None,
    ),
    ("a trap at the start", plugin_wat(initialize="(unreachable)"), {}, "unreachable", None),
    (
        "an exit at the start",
        plugin_wat(imports=PROC_EXIT, initialize="(call $proc_exit (i32.const 2))"),
        {},
        "unexpected exit_code: 2",
        None,
    ),
    (
        "a command in place of a reactor",
        '(module (memory (export "memory") 1) (func (export "_start")))',
        {},
        "metadata_agent_api_version is not exported",
        "-buildmode=c-shared",
    ),
]
"""What is wrong, the module, members of the manifest, and what error and hint say."""
