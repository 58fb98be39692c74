"""The tree of settings: names, units, defaults, bounds and one sentence about each.

Owns what a valid configuration is. Knows nothing of files, environment or flags (`loading`), nor of how it
is shown (`describe`). `docs/configuration.md` is generated from this file.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from collab_server.rooms.limits import Pace, RoomLimits
from collab_server.updates.limits import MAX_DEPTH_SETTING, ScanLimits

#: The defaults of what the core bounds stand with the core.
_ROOM, _PACE, _UPDATE = RoomLimits(), Pace(), ScanLimits()

#: Stock y-websocket clients reconnect when no data message came for this long.
CLIENT_WATCHDOG_SECONDS = 30.0

#: What a message adds around the update it carries: two type bytes and a length of at most five.
MESSAGE_OVERHEAD_BYTES = 16

Seconds = Annotated[float, Field(gt=0)]
SecondsOrZero = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


#: Empty in a file or a variable means: none.
OptionalPath = Annotated[Path | None, BeforeValidator(_none_if_empty)]


class Section(BaseModel):
    """One table of the configuration file: frozen, and strict about names."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, hide_input_in_errors=True
    )


class Synchronous(StrEnum):
    """What the journal asks of the disk at each commit (SQLite's `synchronous`)."""

    FULL = "full"
    NORMAL = "normal"
    OFF = "off"


class LogFormat(StrEnum):
    """How log lines look: `auto` is text on a terminal and JSON everywhere else."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least serious line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _check_base_path(value: str) -> str:
    if value and (not value.startswith("/") or value.endswith("/")):
        raise ValueError("must be empty, or start with a slash and end without one, as in /collab")
    return value


class ListenSettings(Section):
    """Where the server listens and what it grants a connection before it knows it."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; a name is looked up once, at the start.",
    )
    port: int = Field(
        default=1234, ge=0, le=65_535, description="TCP port; 0 takes a free one, named in `server_ready`."
    )
    allow_anonymous: bool = Field(
        default=False,
        description="Serve anybody, beyond loopback and under ASGI from other machines too: no tokens yet.",
    )
    base_path: Annotated[str, AfterValidator(_check_base_path)] = Field(
        default="",
        description="Path under which a reverse proxy mounts the server, stripped from room paths.",
    )
    tls_cert: OptionalPath = Field(
        default=None,
        description="Certificate with its chain, in PEM; then only TLS is spoken. SIGHUP reads it again.",
    )
    tls_key: OptionalPath = Field(
        default=None, description="Private key of the certificate, in PEM, without a password."
    )
    handshake_seconds: Seconds = Field(
        default=10.0,
        description="Time a connection has to send its whole request head; before it as much for TLS.",
    )
    max_head_bytes: Count = Field(default=16_384, description="Longest request head that is read.")
    max_headers: Count = Field(default=128, description="Most header lines in one request head.")
    max_connections: CountOrZero = Field(
        default=0,
        description="Most connections at once; 0 takes what the limit of open files leaves room for.",
    )

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("listen.tls_cert and listen.tls_key are given together or not at all")
        return self


class StorageSettings(Section):
    """Where edits are kept and how hard the disk is asked."""

    directory: Path = Field(
        default=Path("data"),
        description="Directory of the journal, made if missing; relative to where the server starts.",
    )
    memory_only: bool = Field(
        default=False, description="Keep everything in memory and lose it at exit: for trials and tests."
    )
    synchronous: Synchronous = Field(
        default=Synchronous.FULL,
        description="A commit survives, at `full`, a power cut; at `normal` and `off`, a killed process.",
    )
    commit_interval_seconds: SecondsOrZero = Field(
        default=0.025, le=5, description="Edits of all rooms within this time share one commit."
    )
    max_unsaved_bytes: Count = Field(
        default=256_000_000,
        description="Unsaved edits the server holds while the journal fails; past it new edits are refused.",
    )
    base_cache_bytes: Count = Field(
        default=256_000_000,
        description="Compacted documents kept in memory for joiners; the least recently used go first.",
    )
    retry_max_seconds: Seconds = Field(
        default=5.0, description="Longest pause between two attempts to save after a failure."
    )

    @property
    def journal_file(self) -> Path:
        """The journal on SQLite."""
        return self.directory / "journal.sqlite3"

    @property
    def bases_file(self) -> Path:
        """The bases on SQLite."""
        return self.directory / "bases.sqlite3"


class RoomSettings(Section):
    """How a room collects, sends and keeps what its sessions write."""

    flush_window_max_seconds: SecondsOrZero = Field(
        default=_PACE.window_max_seconds,
        le=1,
        description="Longest time in which a room collects edits, however many sessions it has.",
    )
    flush_window_per_session_seconds: SecondsOrZero = Field(
        default=_PACE.window_seconds_per_listener,
        description="What each session of a busy room adds to its window.",
    )
    linger_seconds: SecondsOrZero = Field(
        default=30.0, description="Time an empty room stays open before it is saved and unloaded."
    )
    max_document_bytes: Count = Field(
        default=_ROOM.document_bytes,
        description="Largest document, encoded; edits that would pass it are refused.",
    )
    max_document_clients: Count = Field(
        default=_ROOM.document_clients,
        description="Most client ids in one document; each page load of an editor takes one.",
    )
    compact_tail_bytes: Count = Field(
        default=262_144,
        description="Edits since the last compaction at which a room is compacted anew; at a quarter of the "
        "compacted document if that is more.",
    )
    max_held_bytes: CountOrZero = Field(
        default=_ROOM.held_bytes,
        description="Edits a room holds that came ahead of one still missing; each of their runs adds 200 B.",
    )
    held_seconds: SecondsOrZero = Field(
        default=_ROOM.held_seconds, description="Time held edits outlive the session that sent them."
    )
    awareness_interval_min_seconds: SecondsOrZero = Field(
        default=_PACE.awareness_min_seconds,
        description="Shortest time between two awareness broadcasts of a room.",
    )
    awareness_interval_max_seconds: SecondsOrZero = Field(
        default=_PACE.awareness_max_seconds,
        description="Longest time between two awareness broadcasts of a room.",
    )
    awareness_interval_per_session_seconds: SecondsOrZero = Field(
        default=_PACE.awareness_seconds_per_listener,
        description="What each session adds to the time between awareness broadcasts.",
    )
    max_awareness_entry_bytes: Count = Field(
        default=_ROOM.awareness_state_bytes,
        description="Largest awareness entry (name, colour, cursor) of one client.",
    )
    max_awareness_clients_per_session: Count = Field(
        default=_ROOM.awareness_clients_per_member,
        description="Most client ids whose awareness one session may own at once.",
    )
    awareness_entry_max_age_seconds: Seconds = Field(
        default=_ROOM.awareness_expiry_seconds,
        description="Age at which an awareness entry that was not renewed is left out.",
    )
    awareness_tombstone_seconds: Seconds = Field(
        default=_ROOM.awareness_tombstone_seconds,
        description="Time a leaver is remembered, so that late echoes do not bring it back.",
    )

    @model_validator(mode="after")
    def _check_awareness_interval(self) -> Self:
        low, high = self.awareness_interval_min_seconds, self.awareness_interval_max_seconds
        if low > high:
            raise ValueError(
                f"rooms.awareness_interval_min_seconds ({low:g}) must not be over "
                f"rooms.awareness_interval_max_seconds ({high:g})"
            )
        return self


class SessionSettings(Section):
    """What one connection may cost and when it is given up."""

    keepalive_seconds: Seconds = Field(
        default=15.0,
        lt=CLIENT_WATCHDOG_SECONDS,
        description="Silence after which a session gets an empty message; clients reconnect after 30 s.",
    )
    ping_seconds: Seconds = Field(default=20.0, description="Silence of a client after which it is pinged.")
    pong_seconds: Seconds = Field(
        default=20.0, description="Time a client has to answer a ping before it is dropped."
    )
    max_frame_bytes: Count = Field(
        default=50_100_000,
        description="Largest message; at least the largest document and what goes around it.",
    )
    max_fragments: Count = Field(default=100_000, description="Most WebSocket fragments in one message.")
    send_buffer_bytes: Count = Field(
        default=1_000_000,
        description="Bytes waiting for a slow reader above which nothing more is written to it.",
    )
    send_stall_seconds: Seconds = Field(
        default=10.0, description="Time a slow reader may take nothing before it is closed."
    )
    admission_seconds: Seconds = Field(
        default=10.0,
        description="Time from the handshake until a session is in its room, opening the room included.",
    )
    refusal_delay_seconds: SecondsOrZero = Field(
        default=2.0, description="Pause before a refused client is told, as older clients come back at once."
    )
    close_seconds: Seconds = Field(
        default=5.0, description="Time a client has to answer a close before the connection is dropped."
    )
    drain_seconds: Seconds = Field(
        default=25.0, description="Time for an orderly shutdown; what is not saved by then is listed."
    )


class LimitSettings(Section):
    """What one update may hold; more is refused for its sender alone."""

    max_update_blocks: Count = Field(default=_UPDATE.max_blocks, description="Most structs in one update.")
    max_update_clients: Count = Field(
        default=_UPDATE.max_clients, description="Most client ids in one update."
    )
    max_update_delete_ranges: Count = Field(
        default=_UPDATE.max_delete_ranges, description="Most deleted ranges in one update."
    )
    scan_inline_bytes: Count = Field(
        default=32_768, description="Updates over this are scanned by a worker, while their session waits."
    )
    max_large_update_parts: Count = Field(
        default=4_000_000,
        description="Most structs, and most deleted ranges, in an update that a worker scans.",
    )
    max_update_depth: int = Field(
        default=_UPDATE.max_depth,
        ge=1,
        le=MAX_DEPTH_SETTING,
        description="Deepest nesting of a value or of JSON in one update.",
    )


class WorkerSettings(Section):
    """Processes that do what is too long, too large or too dangerous for the server's own.

    There are three: interactive (somebody waits), background (at the lowest priority) and store.
    """

    max_memory_bytes: Count = Field(
        default=2_000_000_000,
        ge=64_000_000,
        description="Memory a worker may take for a job; documents in Yrs take 11 to 26 times their size.",
    )
    max_queued_jobs: Count = Field(default=100, description="Jobs that may wait for one worker.")
    idle_seconds: Seconds = Field(default=60.0, description="Time without a job after which a worker ends.")
    interactive_seconds: Seconds = Field(
        default=1.0, description="Time for a job that somebody waits for, as scanning a large update."
    )
    background_seconds: Seconds = Field(
        default=60.0, description="Time for a job of the background, as a preview."
    )
    store_seconds: Seconds = Field(default=120.0, description="Time for an upload or a download.")
    per_megabyte_seconds: SecondsOrZero = Field(
        default=2.0, description="What each megabyte that a job looks at adds to its time."
    )
    close_seconds: SecondsOrZero = Field(
        default=2.0, le=4, description="Time for running jobs to finish when the server ends."
    )


class LogSettings(Section):
    """What the server says about itself."""

    format: LogFormat = Field(
        default=LogFormat.AUTO,
        description="Shape of log lines; `auto` is text on a terminal, JSON elsewhere.",
    )
    level: LogLevel = Field(default=LogLevel.INFO, description="Least serious line that is written.")


class LatencySettings(Section):
    """Latency budgets as a user perceives them; the server reports when they are broken."""

    edit_seconds: Seconds = Field(default=0.150, description="From an edit to its arrival at another client.")
    loop_probe_seconds: SecondsOrZero = Field(
        default=0.0,
        le=1,
        description="How often the event loop is looked at, to count its stalls; 0 is each 10 to 100 ms "
        "without counting them. At 0.002 it costs 1 to 3 % of a core.",
    )


class Settings(Section):
    """All settings of one server process. `Settings()` is the defaults; nothing is read from anywhere."""

    listen: ListenSettings = ListenSettings()
    storage: StorageSettings = StorageSettings()
    rooms: RoomSettings = RoomSettings()
    sessions: SessionSettings = SessionSettings()
    limits: LimitSettings = LimitSettings()
    workers: WorkerSettings = WorkerSettings()
    log: LogSettings = LogSettings()
    latency: LatencySettings = LatencySettings()

    @model_validator(mode="after")
    def _check_frame_holds_document(self) -> Self:
        least = self.rooms.max_document_bytes + MESSAGE_OVERHEAD_BYTES
        if self.sessions.max_frame_bytes < least:
            raise ValueError(
                f"sessions.max_frame_bytes must be at least {least} (rooms.max_document_bytes and its "
                "message around it): a client that resends its whole document would be closed for ever"
            )
        return self
