"""What each part of the server takes, made from the one tree of settings. Values only; nothing is opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from collab_storage import Bases, Journal
from collab_storage.lock import DirectoryLock
from collab_storage.memory import MemoryJournal
from collab_storage.memory_bases import MemoryBases
from collab_storage.sqlite import SqliteBases, SqliteJournal

from collab_server.config import Settings, StorageSettings
from collab_server.gateway.settings import GatewaySettings
from collab_server.rooms.limits import Pace, RoomLimits
from collab_server.runtime.compactor import Compact, CompactionPolicy, Repair
from collab_server.runtime.in_process import compact_in_process
from collab_server.runtime.in_worker import CompactInWorker
from collab_server.runtime.registry import RoomPolicy
from collab_server.runtime.scratch import user_scratch
from collab_server.runtime.workers import Workers
from collab_server.types import DOCUMENT_STREAM
from collab_server.updates import ScanLimits

#: Below the data directory.
_SCRATCH = "scratch"


def lock_of(storage: StorageSettings) -> DirectoryLock | None:
    return None if storage.memory_only else DirectoryLock(storage.directory)


def journal_of(storage: StorageSettings) -> Journal:
    if storage.memory_only:
        return MemoryJournal()
    return SqliteJournal(storage.journal_file, synchronous=storage.synchronous.value)


def bases_of(storage: StorageSettings) -> Bases:
    if storage.memory_only:
        return MemoryBases()
    return SqliteBases(storage.bases_file, synchronous=storage.synchronous.value)


def compact_of(storage: StorageSettings, journal: Journal, bases: Bases, workers: Workers) -> Compact:
    """How bases are made: in a worker, or here if there is nothing that a worker could read."""
    if isinstance(bases, MemoryBases):
        return compact_in_process(journal, bases, bases.put, stream=DOCUMENT_STREAM)
    return CompactInWorker(
        workers,
        journal=storage.journal_file,
        bases=storage.bases_file,
        synchronous=storage.synchronous.value,
    )


def repair_of(compact: Compact) -> Repair | None:
    """What is done when it fails on the document itself. Only a worker can be lost over that."""
    return compact if isinstance(compact, CompactInWorker) else None


def scratch_of(storage: StorageSettings) -> Path:
    """The directory for what is too large for a pipe to a worker."""
    return user_scratch() if storage.memory_only else storage.directory / _SCRATCH


def journal_bytes(storage: StorageSettings) -> int:
    """What the journal takes on the disk. Asks the file system."""
    if storage.memory_only:
        return 0
    return sum(path.stat().st_size for path in storage.directory.glob(f"{storage.journal_file.name}*"))


def room_policy(settings: Settings) -> RoomPolicy:
    rooms = settings.rooms
    limits = RoomLimits(
        document_bytes=rooms.max_document_bytes,
        held_bytes=rooms.max_held_bytes,
        held_seconds=rooms.held_seconds,
        document_clients=rooms.max_document_clients,
        awareness_state_bytes=rooms.max_awareness_entry_bytes,
        awareness_clients_per_member=rooms.max_awareness_clients_per_session,
        awareness_tombstone_seconds=rooms.awareness_tombstone_seconds,
        awareness_expiry_seconds=rooms.awareness_entry_max_age_seconds,
    )
    pace = Pace(
        window_max_seconds=rooms.flush_window_max_seconds,
        window_seconds_per_listener=rooms.flush_window_per_session_seconds,
        awareness_min_seconds=rooms.awareness_interval_min_seconds,
        awareness_max_seconds=rooms.awareness_interval_max_seconds,
        awareness_seconds_per_listener=rooms.awareness_interval_per_session_seconds,
    )
    return RoomPolicy(limits, pace, rooms.linger_seconds)


def compaction_policy(settings: Settings) -> CompactionPolicy:
    return CompactionPolicy(tail_bytes=settings.rooms.compact_tail_bytes)


def scan_limits(settings: Settings) -> ScanLimits:
    limits = settings.limits
    return ScanLimits(
        max_blocks=limits.max_update_blocks,
        max_clients=limits.max_update_clients,
        max_delete_ranges=limits.max_update_delete_ranges,
        max_depth=limits.max_update_depth,
    )


def large_scan_limits(settings: Settings) -> ScanLimits:
    """For what a worker scans: a client that brings back a whole document must be heard."""
    usual = scan_limits(settings)
    most_parts = settings.limits.max_large_update_parts
    return replace(
        usual,
        max_blocks=max(usual.max_blocks, most_parts),
        max_clients=max(usual.max_clients, settings.rooms.max_document_clients),
        max_delete_ranges=max(usual.max_delete_ranges, most_parts),
    )


def gateway_settings(settings: Settings, max_connections: int | None) -> GatewaySettings:
    listen, sessions = settings.listen, settings.sessions
    return GatewaySettings(
        head_timeout_seconds=listen.handshake_seconds,
        head_max_bytes=listen.max_head_bytes,
        head_max_headers=listen.max_headers,
        message_max_bytes=sessions.max_frame_bytes,
        message_max_fragments=sessions.max_fragments,
        close_timeout_seconds=sessions.close_seconds,
        write_high_bytes=sessions.send_buffer_bytes,
        write_low_bytes=sessions.send_buffer_bytes // 4,
        max_connections=max_connections,
    )
