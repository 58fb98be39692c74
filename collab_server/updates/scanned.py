"""A scanned update on its way from one process to another.

Owns the encoding, which both sides have in the same version and nobody stores.
"""

from __future__ import annotations

from itertools import accumulate, chain

from collab_server.updates.columns import read_some_columns, write_columns
from collab_server.updates.run import Run, Update


def encode_scan(update: Update) -> bytes:
    """Everything that a scan found, the bytes of the structs behind it."""
    runs = update.structs
    waits, marks, parents = (
        [list(getattr(run, name)) for run in runs] for name in ("waits", "marks", "parents")
    )
    columns = write_columns(
        ("Q", (update.depth,)),
        ("Q", [run.client for run in runs]),
        ("I", [run.clock for run in runs]),
        ("I", [run.end for run in runs]),
        ("I", [run.count for run in runs]),
        ("I", [run.types for run in runs]),
        ("Q", [len(run.data) for run in runs]),
        ("I", map(len, waits)),
        ("I", map(len, marks)),
        ("I", map(len, parents)),
        *_triples(chain.from_iterable(waits), "IQI"),
        *_triples(chain.from_iterable(marks), "IQI"),
        *_triples(chain.from_iterable(parents), "IQI"),
        # Deletions may name clocks far beyond any document.
        *_triples(update.deletes, "QQQ"),
    )
    return b"".join([columns, *[run.data for run in runs]])


def _triples(values: object, codes: str) -> list[tuple[str, list[int]]]:
    found = list(values)  # type: ignore[call-overload]
    return [(code, [value[at] for value in found]) for at, code in enumerate(codes)]


def decode_scan(encoded: bytes) -> Update:
    """The update that `encode_scan` was given."""
    columns, pos = read_some_columns(encoded, "QQIIIIQIII" + "IQI" * 3 + "QQQ")
    (depth,), clients, clocks, ends, counts, types, sizes = columns[:7]
    lengths = columns[7:10]
    waits, marks, parents, deletes = (
        list(zip(*columns[at : at + 3], strict=True)) for at in range(10, 22, 3)
    )
    borders = [list(accumulate(sizes, initial=pos))] + [
        list(accumulate(found, initial=0)) for found in lengths
    ]
    runs = []
    for row, client in enumerate(clients):
        data, wait, mark, parent = (slice(ends_at[row], ends_at[row + 1]) for ends_at in borders)
        runs.append(
            Run(
                client,
                clocks[row],
                ends[row],
                counts[row],
                encoded[data],
                waits[wait],
                marks[mark],
                types[row],
                parents[parent],
            )
        )
    return Update(runs, deletes, depth)
