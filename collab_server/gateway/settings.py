"""The limits of the gateway as one frozen value; where they come from is not known here."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20

#: What surrounds a document inside one frame: message types, lengths, a document name.
ENVELOPE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Bounds of every buffer and every wait between `accept` and a session."""

    #: From `accept` to the end of the request head, however slowly its bytes come.
    head_timeout_seconds: float = 10.0
    head_max_bytes: int = 16 * 1024
    head_max_headers: int = 128
    #: Of one WebSocket frame and of one message put together from fragments.
    message_max_bytes: int = 50 * 1000 * 1000 + ENVELOPE_BYTES
    #: Of one message; a 4 MB message in 64-byte fragments still passes.
    message_max_fragments: int = 100_000
    #: For the whole closing handshake and for what is still to be written; then the connection is dropped.
    close_timeout_seconds: float = 5.0
    #: A session is told to stop writing above the first and to go on below the second.
    write_high_bytes: int = MEBIBYTE
    write_low_bytes: int = MEBIBYTE // 4
    #: Answers to pings that the remote does not read; then it is cut.
    unread_pong_max_bytes: int = 64 * 1024
    #: An idle HTTP connection, and the head of its next request.
    keep_alive_timeout_seconds: float = 15.0
    #: An HTTP client that takes nothing of its answer.
    http_stall_timeout_seconds: float = 30.0
    #: Upgrades beyond this number of open connections are answered with 503; None: no cap.
    max_connections: int | None = None
    #: Connections above the cap on which plain HTTP (health, metrics) is still answered.
    http_reserve: int = 128
    backlog: int = 1024
