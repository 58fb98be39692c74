"""The names of everything that is logged. A line is a transition, never a message.

Owns the names alone. Fields beside them are flat, without tokens and without content.
"""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """One name for each thing that can happen, for people and for log queries."""

    # The process
    SERVER_STARTING = "server_starting"
    SERVER_READY = "server_ready"
    SERVER_START_FAILED = "server_start_failed"
    SERVER_DRAINING = "server_draining"
    DRAIN_INCOMPLETE = "drain_incomplete"
    SERVER_DRAIN_FORCED = "server_drain_forced"
    SERVER_STOPPED = "server_stopped"
    SERVER_FAILED = "server_failed"
    THREADS_LEFT = "threads_left"
    FILE_LIMIT_LOW = "file_limit_low"
    LOG_LINES_DROPPED = "log_lines_dropped"
    CERTIFICATE_LOADED = "certificate_loaded"
    CERTIFICATE_REFUSED = "certificate_refused"
    TLS_KEY_EXPOSED = "tls_key_exposed"

    # Rooms
    ROOM_OPENED = "room_opened"
    ROOM_LOAD_FAILED = "room_load_failed"
    ROOM_UNLOADED = "room_unloaded"
    ROOM_FAILED = "room_failed"
    ROOM_COMPACTED = "room_compacted"
    COMPACTION_FAILED = "compaction_failed"
    STRUCTS_QUARANTINED = "structs_quarantined"
    CLEANUP_FAILED = "cleanup_failed"
    BASE_UNREADABLE = "base_unreadable"
    BASE_DROPPED = "base_dropped"

    # Sessions
    SESSION_OPENED = "session_opened"
    SESSION_CLOSED = "session_closed"
    SESSION_REFUSED = "session_refused"
    UPDATE_REFUSED = "update_refused"

    # Connections
    CONNECTION_FAILED = "connection_failed"

    # Saving
    SAVE_FAILED = "save_failed"
    SAVE_RECOVERED = "save_recovered"

    # Worker processes
    WORKER_STARTED = "worker_started"
    WORKER_DIED = "worker_died"
    JOB_FAILED = "job_failed"

    # Anything that nobody expected
    TASK_FAILED = "task_failed"
    THREAD_FAILED = "thread_failed"
    UNRAISABLE_ERROR = "unraisable_error"
    REQUEST_FAILED = "request_failed"
