"""Settings become the values of each part: what an administrator sets is what the part gets."""

from __future__ import annotations

from pathlib import Path

from collab_storage.memory import MemoryJournal
from collab_storage.sqlite import SqliteJournal

from collab_server import parts
from collab_server.config import SessionSettings, Settings, StorageSettings
from collab_server.gateway.settings import GatewaySettings
from collab_server.rooms.limits import Pace, RoomLimits
from collab_server.updates import ScanLimits


def test_defaults_of_the_core_pass_through() -> None:
    policy = parts.room_policy(Settings())
    assert (policy.limits, policy.pace) == (RoomLimits(), Pace())
    assert parts.scan_limits(Settings()) == ScanLimits()


def test_the_gateway_takes_its_bounds_from_sessions_and_listen() -> None:
    settings = Settings(sessions=SessionSettings(send_buffer_bytes=400, close_seconds=1, max_fragments=7))
    gateway = parts.gateway_settings(settings, 5)
    assert (gateway.write_high_bytes, gateway.write_low_bytes) == (400, 100)
    assert (gateway.close_timeout_seconds, gateway.message_max_fragments) == (1, 7)
    assert gateway.max_connections == 5
    assert gateway.head_timeout_seconds == GatewaySettings().head_timeout_seconds


def test_memory_only_touches_no_disk() -> None:
    storage = StorageSettings(memory_only=True)
    assert isinstance(parts.journal_of(storage), MemoryJournal)
    assert parts.lock_of(storage) is None
    assert parts.journal_bytes(storage) == 0


def test_on_disk_there_is_a_lock_and_a_size(tmp_path: Path) -> None:
    storage = StorageSettings(directory=tmp_path)
    assert isinstance(parts.journal_of(storage), SqliteJournal)
    assert parts.lock_of(storage) is not None
    storage.journal_file.write_bytes(b"x" * 10)
    Path(f"{storage.journal_file}-wal").write_bytes(b"x" * 5)
    assert parts.journal_bytes(storage) == 15
