"""The table of jobs. Each imports what it needs when it first runs: a lane loads only what it uses."""

from __future__ import annotations

from collab_server.engine.job import Arguments, Job, Result


def _compact(arguments: Arguments, data: bytes | None) -> Result:
    from collab_server.engine.compaction import compact_stored

    return compact_stored(arguments)


def _preview(arguments: Arguments, data: bytes | None) -> Result:
    from collab_server.engine.preview import preview

    return preview(arguments)


def _scan(arguments: Arguments, data: bytes | None) -> Result:
    from collab_server.engine.scanning import scan_update

    return scan_update(arguments, data)


#: By the names in `collab_server.types.Job`.
JOBS: dict[str, Job] = {"compact": _compact, "preview": _preview, "scan": _scan}
