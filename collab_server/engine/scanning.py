"""The job that scans a large update for a session that waits. The update comes as the attachment and goes
back in runs.
"""

from __future__ import annotations

from collab_server.engine.job import Arguments, Refused, Result
from collab_server.errors import InvalidUpdate
from collab_server.updates import ScanLimits, scan
from collab_server.updates.scanned import encode_scan


def scan_update(arguments: Arguments, data: bytes | None) -> Result:
    """Arguments: the fields of `ScanLimits`. An update that must not pass is an answer, `refused` with its
    `detail`.
    """
    if data is None:
        raise Refused("there is no update to scan")
    try:
        return {}, encode_scan(scan(data, _limits(arguments)))
    except InvalidUpdate as refusal:
        return {"refused": refusal.reason.value, "detail": refusal.detail}, None


def _limits(arguments: Arguments) -> ScanLimits:
    values = {name: value for name, value in arguments.items() if isinstance(value, int)}
    try:
        return ScanLimits(**values)
    except TypeError as error:
        raise Refused("the arguments are no limits of a scan") from error
