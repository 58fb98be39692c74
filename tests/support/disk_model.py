"""A disk in memory that keeps what was synced apart from what was only written. Pure.

The strictest reading of POSIX: bytes last once their file was synced, a name once its directory was. A sync
that fails does what Linux does: it forgets the bytes, and the next sync says that all is well. Knows no FUSE.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

#: What a disk writes whole or not at all.
SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Write:
    offset: int
    data: bytes

    def apply(self, content: bytearray) -> None:
        if len(content) < self.offset:
            content.extend(bytes(self.offset - len(content)))
        content[self.offset : self.offset + len(self.data)] = self.data

    def sectors(self) -> Iterator[Write]:
        at = 0
        while at < len(self.data):
            size = SECTOR_BYTES - (self.offset + at) % SECTOR_BYTES
            yield Write(self.offset + at, self.data[at : at + size])
            at += size


@dataclass(frozen=True, slots=True)
class Truncate:
    size: int

    def apply(self, content: bytearray) -> None:
        del content[self.size :]
        content.extend(bytes(self.size - len(content)))

    def sectors(self) -> Iterator[Truncate]:
        yield self


@dataclass(slots=True)
class File:
    """`content` is what programs read, `durable` what a power cut leaves."""

    content: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)

    def change(self, change: Write | Truncate) -> None:
        change.apply(self.content)
        self.pending.append(change)

    def sync(self) -> None:
        for change in self.pending:
            change.apply(self.durable)
        self.pending.clear()

    def fail_sync(self) -> None:
        """The bytes stay to be read, are no longer to be written, and nobody is told again."""
        self.pending.clear()

    def cut(self, chance: random.Random | None) -> None:
        for sector in [sector for change in self.pending for sector in change.sectors()]:
            if chance is not None and chance.random() < 0.5:
                sector.apply(self.durable)
        self.pending.clear()
        self.content = bytearray(self.durable)


@dataclass(slots=True)
class Handle:
    """An open file; `failed` once a sync through it has failed."""

    file: File
    failed: bool = False


@dataclass(slots=True)
class Directory:
    """Names to files and directories; a rename within it is one change."""

    entries: dict[str, Node] = field(default_factory=dict)
    durable: dict[str, Node] = field(default_factory=dict)
    pending: list[dict[str, Node | None]] = field(default_factory=list)

    def change(self, names: dict[str, Node | None]) -> None:
        _apply(names, self.entries)
        self.pending.append(names)

    def sync(self) -> None:
        for names in self.pending:
            _apply(names, self.durable)
        self.pending.clear()

    def cut(self, chance: random.Random | None) -> None:
        for names in self.pending:
            if chance is not None and chance.random() < 0.5:
                _apply(names, self.durable)
        self.pending.clear()
        self.entries = dict(self.durable)
        for node in self.entries.values():
            node.cut(chance)


Node = File | Directory


def _apply(names: dict[str, Node | None], entries: dict[str, Node]) -> None:
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


class Disk:
    """The tree, and the faults that are on order."""

    def __init__(self) -> None:
        self.root = Directory()
        #: Every write and every sync fails.
        self.broken = False
        #: Every read fails.
        self.unreadable = False
        #: So many more syncs of files whose path ends in `failing_suffix` fail.
        self.failing_syncs = 0
        self.failing_suffix = ""
        self.failed_syncs = 0
        #: Syncs that succeeded through a handle through which one had failed.
        self.synced_after_failure = 0

    def find(self, path: str) -> Node:
        """The file or directory at an absolute path. Raises OSError."""
        node: Node = self.root
        for name in filter(None, path.split("/")):
            if not isinstance(node, Directory) or name not in node.entries:
                raise OSError(errno.ENOENT, path)
            node = node.entries[name]
        return node

    def file(self, path: str) -> File:
        node = self.find(path)
        if not isinstance(node, File):
            raise OSError(errno.EISDIR, path)
        return node

    def parent(self, path: str) -> tuple[Directory, str]:
        """The directory in which a path ends, and the name in it. Raises OSError."""
        where, _, name = path.rpartition("/")
        node = self.find(where)
        if not isinstance(node, Directory):
            raise OSError(errno.ENOTDIR, path)
        return node, name

    def change(self, file: File, change: Write | Truncate) -> None:
        if self.broken:
            raise OSError(errno.EIO, "broken")
        file.change(change)

    def read(self, file: File, offset: int, size: int) -> bytes:
        if self.unreadable:
            raise OSError(errno.EIO, "unreadable")
        return bytes(file.content[offset : offset + size])

    def rename(self, old: str, new: str) -> None:
        (old_parent, old_name), (new_parent, new_name) = self.parent(old), self.parent(new)
        if old_parent is not new_parent:
            raise OSError(errno.EXDEV, new)
        old_parent.change({old_name: None, new_name: self.find(old)})

    def sync_file(self, path: str, handle: Handle) -> None:
        """Raises OSError while a failure is on order; the bytes are forgotten then."""
        if self.broken or (self.failing_syncs and path.endswith(self.failing_suffix)):
            self.failing_syncs = max(0, self.failing_syncs - 1)
            self.failed_syncs += 1
            handle.failed = True
            handle.file.fail_sync()
            raise OSError(errno.EIO, path)
        self.synced_after_failure += handle.failed
        handle.file.sync()

    def cut_power(self, chance: random.Random | None) -> None:
        """Lose all that was not synced, or, given `chance`, a part of it, sector by sector."""
        self.mend()
        self.root.cut(chance)

    def mend(self) -> None:
        """No more faults; what they have lost stays lost."""
        self.broken = self.unreadable = False
        self.failing_syncs = 0
