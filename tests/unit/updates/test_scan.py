"""What the scanner lets through, byte by byte."""

from __future__ import annotations

from collab_server.updates import scan

KEYSTROKE = bytes.fromhex("0101010004010174016100")


def test_one_keystroke() -> None:
    update = scan(KEYSTROKE)
    (run,) = update.structs
    assert (run.client, run.clock, run.end, run.count) == (1, 0, 1, 1)
    assert not update.deletes
