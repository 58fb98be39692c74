"""Which types of a document are gone, and how deep the others lie.

Owns two questions about types alone; what becomes of the structs in them is `rewrite`'s.
"""

from __future__ import annotations

from collab_server.updates.compaction.structs import NOWHERE, ROOT, Document, deferred_number

#: The depth of what stands under a deleted type, or under no type at all.
GONE = 1 << 30


def depths(document: Document) -> list[int]:
    """How many types lie above each type, itself included; `GONE` or more if it or one above it is
    deleted.
    """
    parents = _parents_of_types(document)
    found = [0] * len(parents)
    for number in range(len(parents)):
        chain: list[int] = []
        at = number
        while at >= 0 and not found[at]:
            chain.append(at)
            found[at] = -1  # being looked at: a circle, which was never accepted, ends here
            at = parents[at]
        depth = GONE if at == NOWHERE or (at >= 0 and found[at] < 0) else 0 if at == ROOT else found[at]
        for at in reversed(chain):
            depth = GONE if depth >= GONE or document.deletes.holds(*document.types[at]) else depth + 1
            found[at] = depth
    return found


def _parents_of_types(document: Document) -> list[int]:
    resolved = document.resolve()
    parents = []
    for client, clock in document.types:
        structs = document.clients[client]
        parent = structs.parents[structs.row(clock)]
        parents.append(parent if parent >= NOWHERE else resolved[deferred_number(parent)])
    return parents


def nested_types(update: bytes) -> int:
    """How many types of a scanned update lie in each other at most. What it does not hold counts as a
    root.
    """
    document = Document(is_part=True)
    document.read(update)
    return max((depth for depth in depths(document) if depth < GONE), default=0)
