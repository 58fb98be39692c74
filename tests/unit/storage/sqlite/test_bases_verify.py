"""What `verify` finds in a file of bases."""

from __future__ import annotations

from pathlib import Path

import pytest
from collab_storage import CHUNK_BYTES, Damage, UnreadableError
from collab_storage.acceptance_bases import ROOM, make_data
from collab_storage.sqlite.bases_reader import BasesReader
from collab_storage.sqlite.bases_verify import verify_bases
from collab_storage.sqlite.bases_writer import drop_older
from collab_storage.sqlite.database import BASES, open_for_reading, open_for_writing
from collab_storage.sqlite.log import settle_log

from tests.unit.storage.sqlite.bases_files import change, lose_from_names, make_file, set_aside, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three bases, ids 1 to 3, and two entries of the quarantine."""
    path = make_file(tmp_path / "bases.db")
    write(path, offset=1)
    write(path, offset=2, data=[make_data(CHUNK_BYTES + 1)])
    write(path, room="other")
    set_aside(path)
    set_aside(path, room="other")
    return path


def verify(path: Path) -> list[Damage]:
    connection = open_for_reading(path, BASES)
    try:
        return verify_bases(connection, where=str(path))
    finally:
        connection.close()


def found(path: Path) -> list[tuple[str | None, int | None, str]]:
    return [(damage.room, damage.offset, damage.problem) for damage in verify(path)]


def test_nothing_is_wrong_with_a_sound_file(path: Path) -> None:
    assert verify(path) == []


@pytest.mark.parametrize(
    ("sql", "room", "offset", "problem"),
    [
        ("UPDATE bases SET head=x'00' WHERE id=2", ROOM, 2, "base 2: the entry is damaged"),
        (f"DELETE FROM chunks WHERE id={2 << 20}", ROOM, 2, "base 2: 2 chunks and a table have 2 rows"),
        (f"UPDATE chunks SET data=x'00' WHERE id={(2 << 20) + 2}", ROOM, 2, "base 2: chunk 1 is damaged"),
        ("DELETE FROM bases WHERE id=1", None, None, "chunks of base 1, which has no entry"),
        ("UPDATE quarantine SET reason='x' WHERE id=1", ROOM, 3, "entry 1 of the quarantine is damaged"),
        ("UPDATE quarantine SET data=x'00' WHERE id=1", ROOM, 3, "the bytes of entry 1 are damaged"),
    ],
)
def test_each_damage_is_named(
    path: Path, sql: str, room: str | None, offset: int | None, problem: str
) -> None:
    change(path, sql)
    (damage,) = verify(path)
    assert damage.where == str(path)
    assert (damage.room, damage.offset) == (room, offset)
    assert damage.problem.startswith(problem)


def test_each_of_many_is_named(path: Path) -> None:
    change(path, "UPDATE chunks SET checksum=0; UPDATE quarantine SET data=x'00';")
    assert [(room, offset) for room, offset, _ in found(path)] == [
        (ROOM, 1),
        (ROOM, 2),
        ("other", 1),
        (ROOM, 3),
        ("other", 3),
    ]


def test_a_base_lost_from_an_index_is_named(path: Path) -> None:
    base = write(path, offset=9)
    lose_from_names(path, base)
    assert any("missing from index" in problem for _, _, problem in found(path))


def test_what_is_dropped_meanwhile_is_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker may write, and the server drop, while it runs."""
    check = BasesReader.check

    def check_late(reader: BasesReader, base: object) -> None:
        connection = open_for_writing(path, BASES, synchronous="off")
        try:
            drop_older(connection, path=path, tenant="default", room=ROOM, than=9)
            connection.execute("DELETE FROM quarantine")
        finally:
            connection.close()
        check(reader, base)  # type: ignore[arg-type]

    monkeypatch.setattr(BasesReader, "check", check_late)
    assert verify(path) == []


def test_chunks_that_wait_to_be_dropped_are_not_damage(path: Path) -> None:
    connection = open_for_writing(path, BASES, synchronous="off")
    try:
        drop_older(connection, path=path, tenant="default", room=ROOM, than=2)
    finally:
        connection.close()
    assert verify(path) == []


def test_a_file_cut_short_is_not_even_opened(path: Path) -> None:
    settle_log(path, BASES)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3 * BASES.page_bytes)
    with pytest.raises(UnreadableError, match=r"bases\.db"):
        verify(path)
