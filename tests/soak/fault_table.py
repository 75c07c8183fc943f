"""The ways in which a plugin can fail, one row each: what it is made of, and what has to come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from engine import Outcome
from tests.engine.guests import FD_WRITE, POLL_ONEOFF, PROC_EXIT, host_import, plugin_wat, sleep, word, write_stderr

MBID: Final = "metadata_agent_get_artist_mbid"
METHOD: Final = "GetArtistMBID"
MEMORY_LIMIT_BYTES: Final = 16 * 1024 * 1024
HOST_CALL_LIMIT: Final = 200
RESPONSE_LIMIT_BYTES: Final = 1024 * 1024
OUTPUT_LIMIT_BYTES: Final = 64 * 1024
_PATIENCE_S: Final = 30.0
_IMPATIENCE_S: Final = 0.1
_GRANTS: Final = {"cache": {"reason": "tests"}, "config": {"reason": "tests"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row."""

    name: str
    """Of the plugin too."""
    module: str | bytes
    """WebAssembly text, or the bytes of the file."""
    outcome: Outcome
    """What a call ends as; `LOAD_FAILED` when the plugin never gets to serve."""
    text: str = ""
    """A part of what is said about it."""
    method: str = METHOD
    request: Mapping[str, object] | None = field(default_factory=lambda: {"name": "Ada"})
    timeout_s: float = _PATIENCE_S
    permissions: Mapping[str, object] = field(default_factory=lambda: dict(_GRANTS))


def _body(
    name: str, outcome: Outcome, body: str, *, text: str = "", timeout_s: float = _PATIENCE_S, **rest: str
) -> Fault:
    """A fault of one method; `rest` goes to `plugin_wat`."""
    wat = plugin_wat({MBID: body}, imports=rest.get("imports", ""), fields=rest.get("fields", ""))
    return Fault(name=name, module=wat, outcome=outcome, text=text, timeout_s=timeout_s)


def _load(name: str, module: str | bytes, text: str) -> Fault:
    return Fault(name=name, module=module, outcome=Outcome.LOAD_FAILED, text=text)


def _files() -> list[Fault]:
    """Files that are no module, and modules that wasmtime refuses."""
    header = b"\x00asm\x01\x00\x00\x00"
    return [
        _load("empty-file", b"", "the file is empty"),
        _load("garbage", b"MZ\x90\x00" * 64, "not a WebAssembly module"),
        _load("text-file", b"(module)", "WebAssembly text"),
        _load("cut-short", header + b"\x01\x7f\x01", "failed to compile"),
        _load("component", b"\x00asm\x0d\x00\x01\x00", "component"),
        _load("other-version", b"\x00asm\x02\x00\x00\x00", "version 2"),
        _load("wide-memory", '(module (memory (export "memory") i64 1))', "failed to compile"),
    ]


def _links() -> list[Fault]:
    """Modules whose imports and exports are not those of the calling convention."""
    return [
        _load("unknown-import", plugin_wat(imports=host_import("teleport")), '"teleport" is not exported'),
        _load("unknown-module", plugin_wat(imports='(import "sys" "call" (func))'), '"call" is not exported'),
        _load("import-of-another-type", plugin_wat(imports='(import "env" "has" (func))'), "is imported as"),
        _load("imported-memory", plugin_wat(imports='(import "env" "has" (global i32))'), "is imported as"),
        _load("no-memory", plugin_wat(drop=("memory",)), "memory is not exported"),
        _load("no-malloc", plugin_wat(drop=("malloc",)), "malloc is not exported"),
        _load("no-method", plugin_wat(drop=(MBID,)), f"{MBID} is not exported"),
        _load(
            "method-of-another-type",
            plugin_wat(drop=(MBID,), fields=f'(func (export "{MBID}") (param i64))'),
            "is exported as",
        ),
        _load(
            "method-that-is-a-global",
            plugin_wat(drop=(MBID,), fields=f'(global (export "{MBID}") i32 (i32.const 1))'),
            f"{MBID} is not exported",
        ),
        _load("too-much-memory", plugin_wat(pages=1000), "memory minimum size"),
        _load("too-large-a-table", plugin_wat(fields="(table 2000000 funcref)"), "table minimum size"),
    ]


def _starts() -> list[Fault]:
    """Modules that fail before the first call."""
    return [
        _load("trap-at-start", plugin_wat(initialize="(unreachable)"), "unreachable"),
        _load("trap-in-start-function", plugin_wat(fields="(func $b (unreachable)) (start $b)"), "unreachable"),
        _load(
            "exit-at-start",
            plugin_wat(imports=PROC_EXIT, initialize="(call $proc_exit (i32.const 7))"),
            "unexpected exit_code: 7",
        ),
    ]


def _traps() -> list[Fault]:
    """What the machine refuses to do."""
    table = "(table 1 funcref) (type $other (func (param f64)))"
    deep = "(func $deep (call $deep))"
    return [
        _body("unreachable", Outcome.TRAP, "(unreachable)", text="unreachable"),
        _body("out-of-bounds", Outcome.TRAP, "(i64.load (i32.const -8))", text="out of bounds memory access"),
        _body("stack-overflow", Outcome.TRAP, "(call $deep) (i64.const 0)", text="call stack exhausted", fields=deep),
        _body(
            "division-by-zero",
            Outcome.TRAP,
            "(i64.div_u (i64.const 1) (i64.extend_i32_u (local.get $a)))",
            text="divide by zero",
        ),
        _body(
            "integer-overflow",
            Outcome.TRAP,
            "(i64.div_s (i64.const 0x8000000000000000) (i64.const -1))",
            text="integer overflow",
        ),
        _body("bad-conversion", Outcome.TRAP, "(i64.trunc_f64_s (f64.const nan))", text="invalid conversion"),
        _body(
            "null-call",
            Outcome.TRAP,
            "(call_indirect (i32.const 0)) (i64.const 0)",
            text="null",
            fields="(table 1 funcref)",
        ),
        _body(
            "call-of-another-type",
            Outcome.TRAP,
            "(call_indirect (type $other) (f64.const 1) (i32.const 0)) (i64.const 0)",
            text="indirect call type mismatch",
            fields=f"{table} (func $nothing) (elem (i32.const 0) $nothing)",
        ),
        _body(
            "call-out-of-table",
            Outcome.TRAP,
            "(call_indirect (i32.const 99)) (i64.const 0)",
            text="out of bounds",
            fields="(table 1 funcref)",
        ),
    ]


def _replies() -> list[Fault]:
    """Answers that are none, and allocators that do not allocate."""
    without_malloc = plugin_wat(
        drop=("malloc",), fields='(func (export "malloc") (param i32) (result i32) (i32.const 0))'
    )
    far_malloc = plugin_wat(drop=("malloc",), fields='(func (export "malloc") (param i32) (result i32) (i32.const -9))')
    spinning = plugin_wat(
        drop=("malloc",), fields='(func (export "malloc") (param i32) (result i32) (loop $l (br $l)) (i32.const 0))'
    )
    message = '(data (i32.const 2048) "\\0a\\7f")'
    return [
        _body("reply-out-of-memory", Outcome.BAD_REPLY, "(i64.const -2147483648)", text="out of range of memory"),
        _body("reply-that-is-no-message", Outcome.BAD_REPLY, f"(i64.const {word(2048, 2)})", fields=message),
        _body(
            "reply-too-large",
            Outcome.RESPONSE_LIMIT,
            f"(drop (memory.grow (i32.const 40))) (i64.const {word(65536, 2 * RESPONSE_LIMIT_BYTES)})",
            text="the limit is",
        ),
        _body("error-text", Outcome.ERROR, f"(i64.const {word(2048, 2, error=True)})", fields=message),
        Fault(name="malloc-of-nothing", module=without_malloc, outcome=Outcome.TRAP, text="malloc of"),
        Fault(name="malloc-far-away", module=far_malloc, outcome=Outcome.TRAP, text="out of range of memory"),
        Fault(name="malloc-that-spins", module=spinning, outcome=Outcome.TIMEOUT, timeout_s=_IMPATIENCE_S),
    ]


def _host_calls() -> list[Fault]:
    """Requests to the host that it cannot serve."""
    no_message = '(data (i32.const 2048) "\\ff\\ff")'
    # The answer needs malloc, which asks the host again.
    chasing = plugin_wat(
        {MBID: "(call $get_config (i32.const 0) (i32.const 0))"},
        drop=("malloc",),
        imports=host_import("get_config"),
        fields="""(func (export "malloc") (param i32) (result i32)
          (drop (call $get_config (i32.const 0) (i32.const 0))) (i32.const 65536))""",
    )
    return [
        _body(
            "host-request-out-of-memory",
            Outcome.TRAP,
            "(call $has (i32.const -16) (i32.const 4096))",
            text="out of range of memory",
            imports=host_import("has"),
        ),
        _body(
            "host-request-that-is-no-message",
            Outcome.TRAP,
            "(call $has (i32.const 2048) (i32.const 2))",
            text="cannot decode",
            imports=host_import("has"),
            fields=no_message,
        ),
        _body(
            "host-calls-without-end",
            Outcome.HOSTCALL_LIMIT,
            "(loop $l (drop (call $has (i32.const 0) (i32.const 0))) (br $l)) (i64.const 0)",
            text=f"more than {HOST_CALL_LIMIT} host calls",
            imports=host_import("has"),
        ),
        Fault(name="host-and-guest-without-end", module=chasing, outcome=Outcome.TRAP, text="levels deep"),
    ]


def _floods() -> list[Fault]:
    """What would never end, or never be enough."""
    spin, (nap, nap_data) = "(loop $l (br $l)) (i64.const 0)", sleep(60)
    line, line_data = write_stderr(b"on and on and on\n")
    last, last_data = write_stderr(b"fatal error: all goroutines are asleep - deadlock!\n")
    eat = """(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)"""
    return [
        _body("spin", Outcome.TIMEOUT, spin, timeout_s=_IMPATIENCE_S),
        _body("sleep", Outcome.TIMEOUT, f"{nap} {spin}", timeout_s=_IMPATIENCE_S, imports=POLL_ONEOFF, fields=nap_data),
        _body(
            "output-without-end",
            Outcome.OUTPUT_LIMIT,
            f"(loop $l {line} (br $l)) (i64.const 0)",
            text="of output",
            imports=FD_WRITE,
            fields=line_data,
        ),
        _body("memory-without-end", Outcome.MEMORY_LIMIT, eat, text="ran out of memory"),
        _body(
            "exit",
            Outcome.EXIT,
            "(call $proc_exit (i32.const 3)) (unreachable)",
            text="exit_code: 3",
            imports=PROC_EXIT,
        ),
        _body("exit-0", Outcome.EXIT, "(call $proc_exit (i32.const 0)) (unreachable)", imports=PROC_EXIT),
        _body(
            "deadlock",
            Outcome.TRAP,
            f"{last} (unreachable)",
            text="all goroutines are asleep",
            imports=FD_WRITE,
            fields=last_data,
        ),
    ]


def _bombs() -> list[Fault]:
    """Modules that are expensive to compile; they answer all the same."""
    many = "".join(f"(func (param i32) (result i32) (i32.add (local.get 0) (i32.const {n})))" for n in range(2_000))
    nested = f"{'(block ' * 4_000}{')' * 4_000} (i64.const 0)"
    long = f"{'(local.set $a (i32.add (local.get $a) (i32.const 1)))' * 10_000} (i64.const 0)"
    return [
        _body("many-functions", Outcome.OK, "(i64.const 0)", fields=many),
        _body("nested-blocks", Outcome.OK, nested),
        _body("long-function", Outcome.OK, long),
    ]


FAULTS: Final = (
    *_files(),
    *_links(),
    *_starts(),
    *_traps(),
    *_replies(),
    *_host_calls(),
    *_floods(),
    *_bombs(),
)
