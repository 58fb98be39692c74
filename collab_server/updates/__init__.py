"""Yjs updates, version 1, as bytes: checked, indexed, cut and spliced, never integrated.

Pure: no I/O, no clock, no chance. What leaves here was seen by `scan` and goes to every client of a room.
"""

from collab_server.updates.blocks import BlockStore
from collab_server.updates.index import Index
from collab_server.updates.limits import DEFAULT_LIMITS, STORED_LIMITS, ScanLimits
from collab_server.updates.outline import Outline, Root, Sequence
from collab_server.updates.ranges import DeletedRanges
from collab_server.updates.run import Accepted, Run, Update
from collab_server.updates.scan import scan
from collab_server.updates.splice import (
    decode_state_vector,
    encode_state_vector,
    encode_structs,
    encode_update,
)

__all__ = [
    "DEFAULT_LIMITS",
    "STORED_LIMITS",
    "Accepted",
    "BlockStore",
    "DeletedRanges",
    "Index",
    "Outline",
    "Root",
    "Run",
    "ScanLimits",
    "Sequence",
    "Update",
    "decode_state_vector",
    "encode_state_vector",
    "encode_structs",
    "encode_update",
    "scan",
]
