"""The go-plugin calling convention: names, result words, and the order of steps (spec abi sections 1 to 5).

Pure rules over a small `Guest` interface. No other module knows `malloc`, packed results or `_initialize`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from engine.calls import Outcome
from engine.wasm.faults import GuestFault, HostStop

MEMORY: Final = "memory"
INITIALIZE: Final = "_initialize"
MALLOC: Final = "malloc"
FREE: Final = "free"
HOST_MODULE: Final = "env"
WASI_MODULE: Final = "wasi_snapshot_preview1"
API_VERSION: Final = 1

I32: Final = "i32"
I64: Final = "i64"
Types = tuple[Literal["i32", "i64"], ...]
METHOD_TYPE: Final[tuple[Types, Types]] = ((I32, I32), (I64,))
"""Both a capability method and a host import: (pointer, length) -> packed word."""
MALLOC_TYPE: Final[tuple[Types, Types]] = ((I32,), (I32,))
FREE_TYPE: Final[tuple[Types, Types]] = ((I32,), ())
INITIALIZE_TYPE: Final[tuple[Types, Types]] = ((), ())
VERSION_TYPE: Final[tuple[Types, Types]] = ((), (I64,))

_ERROR_BIT: Final = 1 << 31
_U32: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWord:
    """A 64-bit result, taken apart: pointer in the upper half, length in the lower."""

    ptr: int
    size: int
    is_error: bool = False


def unpack_guest(value: int) -> ResultWord:
    """The result of a guest export, signed or unsigned; bit 31 marks an error text."""
    low = value & _U32
    return ResultWord(ptr=(value >> 32) & _U32, size=low & ~_ERROR_BIT, is_error=bool(low & _ERROR_BIT))


def unpack_host(value: int) -> ResultWord:
    """The result of a host import, signed or unsigned; there is no error bit in this direction."""
    return ResultWord(ptr=(value >> 32) & _U32, size=value & _U32)


def pack(ptr: int, size: int) -> int:
    """The word that a host import answers with."""
    return (ptr << 32) | size


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a guest export answered: an encoded message, or an error text."""

    data: bytes
    is_error: bool


class Guest(Protocol):
    """One live instance, as far as the convention needs it."""

    def call(self, export: str, *args: int) -> int:
        """Call an export; the result is unsigned. Raises `GuestFault`."""
        ...

    def read(self, pointer: int, length: int) -> bytes | None: ...

    def write(self, pointer: int, data: bytes) -> bool: ...

    def memory_size(self) -> int: ...


def invoke(guest: Guest, export: str, request: bytes, *, response_limit: int) -> Reply:
    """Call a capability method with an encoded request (spec abi section 3).

    Raises `GuestFault`: `BAD_REPLY` for a reply outside memory, `RESPONSE_LIMIT` for one above the limit,
    else whatever stopped the guest.
    """
    request_ptr = _place_request(guest, request) if request else 0
    word = unpack_guest(guest.call(export, request_ptr, len(request)))
    reply_ptr = word.ptr
    try:
        if word.size > response_limit:
            raise GuestFault(
                Outcome.RESPONSE_LIMIT, f"the answer has {word.size} bytes, the limit is {response_limit} bytes"
            )
        # Copied before any further call into the guest: its collector may reuse the buffer.
        data = guest.read(reply_ptr, word.size)
        if data is None:
            raise GuestFault(Outcome.BAD_REPLY, read_out_of_range(reply_ptr, word.size, guest.memory_size()))
    finally:
        _release(guest, reply_ptr)
        _release(guest, request_ptr)
    return Reply(data=data, is_error=word.is_error)


def _place_request(guest: Guest, request: bytes) -> int:
    pointer = guest.call(MALLOC, len(request))
    if pointer == 0:
        raise GuestFault(Outcome.TRAP, f"malloc of {len(request)} bytes for the request failed")
    if not guest.write(pointer, request):
        raise GuestFault(Outcome.TRAP, _write_out_of_range(pointer, len(request), guest.memory_size()))
    return pointer


def _release(guest: Guest, pointer: int) -> None:
    """The host frees both buffers; what `free` does wrong changes nothing about the answer."""
    if pointer:
        try:
            guest.call(FREE, pointer)
        except GuestFault:
            return


def serve(guest: Guest, pointer: int, length: int, handler: Callable[[bytes], bytes]) -> int:
    """Serve a host import (spec abi section 5): read, run, write the answer into a guest buffer.

    Called inside the import; raises `HostStop` to stop the guest when a pointer is out of range or `malloc` fails.
    """
    request = guest.read(pointer, length)
    if request is None:
        raise HostStop(Outcome.TRAP, read_out_of_range(pointer, length, guest.memory_size()))
    answer = handler(request)
    if not answer:
        return 0
    target = guest.call(MALLOC, len(answer))
    if target == 0:
        raise HostStop(Outcome.TRAP, f"malloc of {len(answer)} bytes for a host answer failed")
    if not guest.write(target, answer):
        raise HostStop(Outcome.TRAP, _write_out_of_range(target, len(answer), guest.memory_size()))
    return pack(target, len(answer))


def read_out_of_range(pointer: int, length: int, size: int) -> str:
    """The text of go-plugin for a pointer outside memory."""
    return f"Memory.Read({pointer}, {length}) out of range of memory size {size}"


def _write_out_of_range(pointer: int, length: int, size: int) -> str:
    return f"Memory.Write({pointer}, {length}) out of range of memory size {size}"
