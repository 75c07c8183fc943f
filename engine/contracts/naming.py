"""How `.proto` names become names in a wasm module (spec abi section 2).

The conversion splits some acronyms badly (`MBIDs` becomes `mbi_ds`) and fuses others (`SubsonicAPIHTTPGet` becomes
`subsonic_apihttp_get`). Existing plugin binaries carry those names, so it must stay exactly as it is.
"""

from __future__ import annotations

import re

HOST_MODULE = "env"
"""The wasm module that all host functions are imported from."""

_BEFORE_A_WORD = re.compile(r"(.)([A-Z][a-z]+)", re.DOTALL)
_AFTER_A_WORD = re.compile(r"([a-z0-9])([A-Z])")


def snake(text: str) -> str:
    """`text` in the snake case of the calling convention: `GetArtistMBID` -> `get_artist_mbid`."""
    return _AFTER_A_WORD.sub(r"\1_\2", _BEFORE_A_WORD.sub(r"\1_\2", text)).lower()


def guest_export(service: str, method: str) -> str:
    """The export of a capability method; service and method are glued *before* the conversion."""
    return snake(service + method)


def version_export(service: str) -> str:
    """The export that answers which version of a capability the module implements."""
    return f"{snake(service)}_api_version"


def host_import(method: str) -> str:
    """The import of a host service's method in `HOST_MODULE`; the service takes no part in it."""
    return snake(method)
