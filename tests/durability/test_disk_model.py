"""The disk that the power cuts are made on: it keeps what was synced and nothing else, mounted or not."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from tests.support.disk_model import SECTOR_BYTES, Directory, Disk, File, Handle, Truncate, Write
from tests.support.faulty_disk import FaultyDisk
from tests.support.mounts import require_fuse


def disk_with(*names: str) -> tuple[Disk, list[File]]:
    disk, files = Disk(), [File() for _ in names]
    disk.root.change(dict(zip(names, files, strict=True)))
    return disk, files


def test_bytes_last_once_their_file_was_synced() -> None:
    disk, (file,) = disk_with("a")
    disk.root.sync()
    disk.change(file, Write(0, b"kept"))
    disk.sync_file("/a", Handle(file))
    disk.change(file, Write(4, b" lost"))
    disk.change(file, Truncate(2))
    assert file.content == b"ke"
    disk.cut_power(None)
    assert disk.file("/a").content == b"kept"


def test_a_name_lasts_once_its_directory_was_synced() -> None:
    disk, (file,) = disk_with("a")
    disk.change(file, Write(0, b"kept"))
    disk.sync_file("/a", Handle(file))
    disk.cut_power(None)
    with pytest.raises(OSError) as caught:
        disk.find("/a")
    assert caught.value.errno == errno.ENOENT


def test_a_rename_is_lost_as_a_whole() -> None:
    disk, (old, new) = disk_with("old", "new")
    disk.root.sync()
    disk.rename("/new", "/old")
    assert disk.root.entries == {"old": new}
    disk.cut_power(None)
    assert disk.root.entries["old"] is old
    assert disk.root.entries["new"] is new


def test_what_lies_in_a_lost_directory_is_lost() -> None:
    disk = Disk()
    disk.root.change({"data": Directory()})
    parent, name = disk.parent("/data/a")
    parent.change({name: File()})
    parent.sync()
    disk.cut_power(None)
    assert disk.root.entries == {}


def test_a_failed_sync_forgets_and_the_next_one_says_that_all_is_well() -> None:
    disk, (file,) = disk_with("a")
    disk.root.sync()
    disk.failing_syncs = 1
    disk.change(file, Write(0, b"gone"))
    handle = Handle(file)
    with pytest.raises(OSError):
        disk.sync_file("/a", handle)
    disk.sync_file("/a", handle)
    assert disk.synced_after_failure == 1
    assert file.content == b"gone"
    disk.cut_power(None)
    assert file.content == b""


def test_a_broken_disk_takes_nothing_and_a_hidden_one_shows_nothing() -> None:
    disk, (file,) = disk_with("a")
    disk.change(file, Write(0, b"kept"))
    disk.broken = disk.unreadable = True
    with pytest.raises(OSError):
        disk.change(file, Write(0, b"lost"))
    with pytest.raises(OSError):
        disk.read(file, 0, 4)
    disk.mend()
    assert disk.read(file, 0, 4) == b"kept"


def test_by_chance_a_part_of_what_was_not_synced_is_kept_by_sectors() -> None:
    disk, (file,) = disk_with("a")
    disk.root.sync()
    disk.change(file, Write(100, b"x" * 40 * SECTOR_BYTES))
    disk.cut_power(random.Random(1))
    sectors = {
        bytes(file.content[at : at + SECTOR_BYTES])
        for at in range(SECTOR_BYTES, 40 * SECTOR_BYTES, SECTOR_BYTES)
    }
    assert sectors == {b"x" * SECTOR_BYTES, bytes(SECTOR_BYTES)}


@pytest.mark.slow
async def test_the_kernel_sees_the_same(tmp_path: Path) -> None:
    require_fuse()
    async with FaultyDisk(tmp_path / "disk") as disk:
        file = os.open(disk.seen / "a", os.O_RDWR | os.O_CREAT)
        directory = os.open(disk.seen, os.O_RDONLY)
        os.write(file, b"kept")
        os.fsync(file)
        os.fsync(directory)
        os.write(file, b" lost")
        (disk.seen / "b").write_bytes(b"lost")
        await disk.fail_syncs(1)
        with pytest.raises(OSError) as caught:
            os.fsync(file)
        assert caught.value.errno == errno.EIO
        os.fsync(file)
        os.close(file)
        os.close(directory)
        await disk.cut_power()
        assert os.listdir(disk.seen) == ["a"]
        assert (disk.seen / "a").read_bytes() == b"kept"
