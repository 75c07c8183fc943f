"""Background tasks: closing ends all of them, those too that are started while it waits."""

from __future__ import annotations

import asyncio

from engine.tasks import Tasks


async def test_closing_ends_what_a_cancelled_task_starts_in_turn() -> None:
    tasks, ended = Tasks(), list[str]()

    async def rest(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)
            if name == "first":
                tasks.spawn("second", rest("second"))
                await asyncio.sleep(0)

    tasks.spawn("first", rest("first"))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await tasks.close()
    assert ended == ["first", "second"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
