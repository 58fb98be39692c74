"""A document's updates made one, without integrating them: the base.

The same document for every client, in fewer bytes: no deleted content, no structs that only typing divided.
Deterministic: the same updates give the same bytes. Runs in a worker; costs time and memory in proportion
to the structs.
"""

from collab_server.updates.compaction.compact import MAX_TYPE_DEPTH, Compacted, compact

__all__ = ["MAX_TYPE_DEPTH", "Compacted", "compact"]
