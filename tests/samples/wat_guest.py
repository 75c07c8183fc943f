"""hello-wat without the engine: an instance that takes any bytes as a request, malformed ones too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import wasmtime

from workbench.demo.samples import sample_sources

BIOGRAPHY: Final = "metadata_agent_get_artist_biography"
_I32, _I64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatAnswer:
    """What an export answered."""

    is_error: bool
    data: bytes
    log: str


class HelloWat:
    """The assembled plugin; every call runs in an instance of its own."""

    def __init__(self) -> None:
        config = wasmtime.Config()
        self._engine = wasmtime.Engine(config)
        text = (sample_sources() / "hello-wat" / "plugin.wat").read_bytes()
        self._module = wasmtime.Module(self._engine, bytes(wasmtime.wat2wasm(text)))

    def call(
        self, request: bytes, *, export: str = BIOGRAPHY, settings_reply: bytes = b"", memory_bytes: int = 1 << 26
    ) -> WatAnswer:
        """Call an export with raw bytes; `settings_reply` is what the host answers to GetPluginConfig."""
        store = wasmtime.Store(self._engine)
        store.set_limits(memory_size=memory_bytes)
        log: list[str] = []
        linker = wasmtime.Linker(self._engine)

        def write_log(caller: wasmtime.Caller, _fd: int, parts: int, count: int, _written: int) -> int:
            memory = _memory(caller["memory"])
            words = memory.read(caller, parts, parts + 8 * count)
            for at in range(0, len(words), 8):
                start, length = (int.from_bytes(words[at + skip : at + skip + 4], "little") for skip in (0, 4))
                log.append(memory.read(caller, start, start + length).decode(errors="replace"))
            return 0

        def get_plugin_config(caller: wasmtime.Caller, _pointer: int, _length: int) -> int:
            if not settings_reply:
                return 0
            malloc = caller["malloc"]
            assert isinstance(malloc, wasmtime.Func)
            pointer = malloc(caller, len(settings_reply))
            assert isinstance(pointer, int)
            _memory(caller["memory"]).write(caller, settings_reply, pointer)
            return pointer << 32 | len(settings_reply)

        linker.define_func(
            "wasi_snapshot_preview1", "fd_write", wasmtime.FuncType([_I32] * 4, [_I32]), write_log, access_caller=True
        )
        linker.define_func(
            "env", "get_plugin_config", wasmtime.FuncType([_I32, _I32], [_I64]), get_plugin_config, access_caller=True
        )
        exports = linker.instantiate(store, self._module).exports(store)
        memory, malloc, method = _memory(exports["memory"]), exports["malloc"], exports[export]
        assert isinstance(malloc, wasmtime.Func)
        assert isinstance(method, wasmtime.Func)
        pointer = malloc(store, len(request)) if request else 0
        assert isinstance(pointer, int)
        memory.write(store, request, pointer)
        word = method(store, pointer, len(request))
        assert isinstance(word, int)
        start, length = (word >> 32) & 0xFFFFFFFF, word & 0x7FFFFFFF
        assert start + length <= memory.data_len(store)
        return WatAnswer(
            is_error=bool(word & 0x80000000),
            data=bytes(memory.read(store, start, start + length)),
            log="".join(log),
        )


def _memory(export: object) -> wasmtime.Memory:
    assert isinstance(export, wasmtime.Memory)
    return export
