"""One server without a way in: a front end that the test plays, readiness, metrics, the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from collab_storage import LockedError

from collab_server.composition import Service, Traffic
from collab_server.config import Settings
from collab_server.gateway.auth import OpenAccess
from collab_server.http.health import NotReady
from collab_server.types import RoomOrder
from tests.support.leaks import no_leaks


class Front:
    """Implements `FrontEnd`."""

    traffic = Traffic(websockets=3, http=2, opened=30, refused=4)

    def __init__(self) -> None:
        self.at_capacity = False
        self.accepting = True

    def stop_accepting(self) -> None:
        self.accepting = False


def service(data: Path) -> Service:
    settings = Settings.model_validate({"storage": {"directory": data}})
    return Service(settings, authenticator=OpenAccess())


async def test_from_start_to_close(tmp_path: Path) -> None:
    async with no_leaks():
        one, front = service(tmp_path), Front()
        await one.start()
        assert list(one.not_ready()) == [NotReady.STARTING]
        one.open_to(front)
        assert list(one.not_ready()) == []
        front.at_capacity = True
        assert list(one.not_ready()) == [NotReady.AT_CAPACITY]
        await one.drain(deadline_seconds=2)
        assert not front.accepting
        assert NotReady.DRAINING in one.not_ready()
        assert one.unsaved() == []
        await one.close()


async def test_what_the_front_end_counts_is_in_the_metrics(tmp_path: Path) -> None:
    one = service(tmp_path)
    await one.start()
    one.open_to(Front())
    await one._bring_up_to_date()
    metrics = one.metrics
    assert (metrics.connections_open, metrics.http_connections_open) == (3, 2)
    assert (metrics.connections_opened, metrics.connections_refused) == (30, 4)
    assert metrics.journal_bytes > 0
    await one.close()


async def test_what_the_rooms_do_is_told_in_their_order(tmp_path: Path) -> None:
    one = service(tmp_path)
    await one.start()
    one.open_to(Front())
    answer = await one._report_rooms(RoomOrder.SESSIONS, 5)
    assert (answer["by"], answer["rooms"]) == ("sessions", [])
    assert answer["process"]["connections"] == 3
    assert answer["process"]["resident_bytes"] > 1_000_000
    await one.close()


async def test_one_that_could_not_start_lets_go_of_nothing_that_is_anothers(tmp_path: Path) -> None:
    first, second = service(tmp_path), service(tmp_path)
    await first.start()
    with pytest.raises(LockedError):
        await second.start()
    await second.close()
    with pytest.raises(LockedError):
        await service(tmp_path).start()
    await first.close()
