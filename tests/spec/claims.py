"""Which check claims which kind of case; a kind that is not here fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.spec.cases import Case
from tests.spec.checks import contracts, plugins, services, urls

CLAIMS: Mapping[str, Callable[[Case], None]] = {
    "manifest": plugins.manifest,
    "url_match": urls.url_match,
    "http_permission": urls.http_permission,
    "websocket_permission": urls.websocket_permission,
    "redirect": urls.redirect,
    "http_timeout": services.http_timeout,
    "key_isolation": services.key_isolation,
    "websocket_id": services.websocket_id,
    "cron": plugins.cron,
    "cache_size": plugins.cache_size,
    "ndp_member": plugins.ndp_member,
    "ndp_archive": plugins.ndp_archive,
    "cli_name": plugins.cli_name,
    "wire": contracts.wire,
    "guest_export_name": contracts.guest_export_name,
    "host_import_name": contracts.host_import_name,
    "guest_result_word": contracts.guest_result_word,
    "host_result_word": contracts.host_result_word,
}


def check(case: Case) -> None:
    """Run one case; `AssertionError` when the engine answers otherwise, or when nothing claims the case."""
    claim = CLAIMS.get(case.kind)
    assert claim is not None, f"{case.file}, case {case.index}: no test claims the kind {case.kind!r}"
    claim(case)
