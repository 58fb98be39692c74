"""Yjs updates, version 1, as bytes: checked, indexed, cut and spliced, never integrated.

Pure: no I/O, no clock, no chance. What leaves here was seen by `scan` and goes to every client of a room.
"""

from collab_server.updates.base import Base, BaseHead, BlockTable
from collab_server.updates.index import Index, memory_of_state
from collab_server.updates.limits import DEFAULT_LIMITS, STORED_LIMITS, ScanLimits
from collab_server.updates.outline import Outline, Root, Sequence
from collab_server.updates.ranges import DeletedRanges
from collab_server.updates.run import Accepted, Run, Update
from collab_server.updates.scan import scan, scan_new_deletes
from collab_server.updates.splice import (
    decode_state_vector,
    encode_state_vector,
    encode_structs,
    encode_update,
)
from collab_server.updates.tail import Pieces, Tail

__all__ = [
    "DEFAULT_LIMITS",
    "STORED_LIMITS",
    "Accepted",
    "Base",
    "BaseHead",
    "BlockTable",
    "DeletedRanges",
    "Index",
    "Outline",
    "Pieces",
    "Root",
    "Run",
    "ScanLimits",
    "Sequence",
    "Tail",
    "Update",
    "decode_state_vector",
    "encode_state_vector",
    "encode_structs",
    "encode_update",
    "memory_of_state",
    "scan",
    "scan_new_deletes",
]
