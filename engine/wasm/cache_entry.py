"""An entry of the compile cache: what is known of it, and the file name that it is found and trusted by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from engine.wasm.tier import Tier

CODE_SUFFIX: Final = ".cwasm"
NOTES_SUFFIX: Final = ".json"

_SHA256: Final = "[0-9a-f]{64}"
_NAME: Final = re.compile(
    rf"(?P<module>{_SHA256})-(?P<fingerprint>wasmtime-(?P<version>[0-9A-Za-z.+!]{{1,40}})-[0-9a-f]{{12}})"
    rf"-(?P<tier>{'|'.join(Tier)})\.(?P<digest>{_SHA256})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """The compiled code of one module on disk. What comes from the notes beside it is None when they are lost."""

    path: Path
    module_sha256: str
    tier: Tier
    wasmtime_version: str
    is_current: bool
    """This compiler, configured as it is, can load it; anything else waits for its own version, or for the purge."""
    code_bytes: int
    last_used_ns: int
    """When it was stored or last loaded, since the epoch."""
    hits: int
    """How often it was loaded since it was stored."""
    plugin: str | None
    """What it was compiled for; other plugins with the same module share it."""
    module_bytes: int | None
    compile_ns: int | None
    created_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryName:
    """The key of an entry and the digest of its bytes, which together are its file name."""

    module_sha256: str
    fingerprint: str
    """The compiler's version and configuration (`Runtime.fingerprint`)."""
    tier: Tier
    digest: str
    """SHA-256 of the code, in hex like that of the module."""

    @classmethod
    def parse(cls, file_name: str) -> Self | None:
        """Read the name of an entry's code or of its notes; None for any other name."""
        stem, dot, suffix = file_name.rpartition(".")
        found = _NAME.fullmatch(stem) if dot + suffix in (CODE_SUFFIX, NOTES_SUFFIX) else None
        if found is None:
            return None
        return cls(
            module_sha256=found["module"],
            fingerprint=found["fingerprint"],
            tier=Tier(found["tier"]),
            digest=found["digest"],
        )

    @property
    def code_file(self) -> str:
        return f"{self._stem}{CODE_SUFFIX}"

    @property
    def notes_file(self) -> str:
        return f"{self._stem}{NOTES_SUFFIX}"

    @property
    def wasmtime_version(self) -> str:
        return self.fingerprint.split("-")[1]

    @property
    def _stem(self) -> str:
        return f"{self.module_sha256}-{self.fingerprint}-{self.tier}.{self.digest}"
