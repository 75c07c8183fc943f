"""Work that is begun is finished: what must not be left half done when the task that awaits it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def to_the_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Await `work`, which goes on to its end if the caller is cancelled meanwhile.

    The cancellation is raised then, after the work has ended; whatever the work returned or raised is dropped.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    # The work's own failure counts as seen: it is the cause.
    raise cancelled from (None if task.cancelled() else task.exception())
