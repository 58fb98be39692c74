"""How much one update may hold. Values only; `config` may fill others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """Bounds of one update; over them it is refused as TOO_LARGE.

    `max_clients` bounds the sections and, apart from them, the clients that deletions name. `max_depth`
    bounds the nesting of values, in `any` and in JSON.
    """

    max_blocks: int = 20_000
    max_clients: int = 1_000
    max_delete_ranges: int = 20_000
    max_depth: int = 64


#: The deepest nesting that can be configured: what was accepted under any setting has to load again.
MAX_DEPTH_SETTING = 256

DEFAULT_LIMITS = ScanLimits()
#: For what we wrote ourselves: a stored delta or base may hold all of a document.
STORED_LIMITS = ScanLimits(
    max_blocks=1 << 31, max_clients=1 << 31, max_delete_ranges=1 << 31, max_depth=MAX_DEPTH_SETTING
)
