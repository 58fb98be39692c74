import asyncio

from structlog.testing import capture_logs

from collab_server.runtime.tasks import TaskOwner


async def test_close_ends_what_still_runs() -> None:
    owner, ended = TaskOwner(), asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = owner.start(forever(), name="forever")
    await asyncio.sleep(0)
    await owner.close()
    assert ended.is_set()
    assert task.cancelled()
    assert task.get_name() == "forever"


async def test_a_failure_is_logged_by_name() -> None:
    owner = TaskOwner()

    async def fails() -> None:
        raise RuntimeError("a bug")

    with capture_logs() as logs:
        owner.start(fails(), name="fails")
        await asyncio.sleep(0.001)
    assert [(line["event"], line["task"]) for line in logs] == [("task_failed", "fails")]
    await owner.close()
