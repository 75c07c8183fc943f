"""Plugins that answer numbers: what a guest read from a clock, drew by chance, or was answered by the host."""

from __future__ import annotations

from collections.abc import Sequence

from engine import CallResult
from engine.contracts import api_pb2 as api
from tests.engine.guests import plugin_wat, word

MBID = "metadata_agent_get_artist_mbid"
METHOD = "MetadataAgent.GetArtistMBID"

_AT = 5000
_DIGITS = 16
_MOST = 7
"""The answer's length has to fit into one byte."""

_TELL = f"""(func $tell (param $place i32) (param $value i64) (local $i i32)
  (loop $next
    (i32.store8
      (i32.add (i32.const {_AT + 2}) (i32.add (i32.mul (local.get $place) (i32.const {_DIGITS})) (local.get $i)))
      (i32.add (i32.const 97) (i32.wrap_i64 (i64.and (i64.const 15)
        (i64.shr_u (local.get $value) (i64.extend_i32_u (i32.mul (local.get $i) (i32.const 4))))))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (i32.const {_DIGITS})))))"""


def telling_wat(numbers: Sequence[str], *, imports: str, before: str = "", fields: str = "") -> str:
    """A plugin whose GetArtistMBID does `before` and then answers these i64 expressions, in order."""
    assert 0 < len(numbers) <= _MOST
    length = _DIGITS * len(numbers)
    told = " ".join(f"(call $tell (i32.const {place}) {number})" for place, number in enumerate(numbers))
    head = f"(i32.store8 (i32.const {_AT}) (i32.const 10)) (i32.store8 (i32.const {_AT + 1}) (i32.const {length}))"
    body = f"{before} {head} {told} (i64.const {word(_AT, length + 2)})"
    return plugin_wat({MBID: body}, imports=imports, fields=_TELL + fields)


def told(result: CallResult) -> list[int]:
    """The numbers of such an answer."""
    assert isinstance(result.response, api.ArtistMBIDResponse), result.error
    text = result.response.mbid
    return [
        sum((ord(digit) - ord("a")) << (4 * place) for place, digit in enumerate(text[start : start + _DIGITS]))
        for start in range(0, len(text), _DIGITS)
    ]
