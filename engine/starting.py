"""Starting a guest that nobody has called yet, and asking it what it is (spec abi section 4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from engine.calls import Outcome
from engine.contracts.registry import Service
from engine.errors import StartError
from engine.wasm import abi
from engine.wasm.instance import Instance
from engine.wasm.linking import version_export
from engine.wasm.scope import CallScope
from engine.wasm.threads import GuestThreads

_T = TypeVar("_T")


async def run_start(
    work: Callable[[], _T],
    scope: CallScope,
    *,
    threads: GuestThreads,
    limit_s: float,
    discard: Callable[[_T], object] | None = None,
) -> _T:
    """Run `work`, which starts a guest on `scope`, on a guest thread; the guest is stopped after `limit_s` seconds.

    When the awaiting task is cancelled the guest is stopped too, and what `work` brought goes to `discard`.
    """
    timer = asyncio.get_running_loop().call_later(
        limit_s, scope.interrupt, Outcome.TIMEOUT, f"starting an instance took longer than {limit_s:g} s"
    )
    # A thread of its own: a start that spins must not keep another plugin from loading.
    threads.reserve(1)
    try:
        return await threads.run(
            work,
            interrupt=lambda: scope.interrupt(Outcome.CANCELLED, "the engine is closing"),
            discard=discard,
        )
    finally:
        timer.cancel()
        threads.give_back(1)


def check_version(instance: Instance, service: Service, scope: CallScope) -> None:
    """Ask a started guest, on its thread, for the version of a capability; raises `StartError` and `GuestFault`.

    The export must be there (`version_problems`).
    """
    answer = instance.api_version(version_export(service), scope)
    if answer != abi.API_VERSION:
        raise StartError(
            f"API version mismatch, host: {abi.API_VERSION}, plugin: {answer}",
            hint=f"{service.name} of this module is built for another plugin API.",
        )
