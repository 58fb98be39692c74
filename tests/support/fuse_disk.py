"""`disk_model.Disk` as a file system: a process that mounts it and takes its faults from stdin.

Run as `python tests/support/fuse_disk.py MOUNTPOINT`. One JSON object per line in, one out; the first one out
says that it is mounted. When stdin ends it unmounts and ends. Knows FUSE; `faulty_disk.py` is the other side.
"""

from __future__ import annotations

import json
import os
import queue
import random
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
# Where both versions of the library are installed, mfusepy would take the older one.
os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")

import mfusepy  # type: ignore[import-untyped]

from tests.support.disk_model import Directory, Disk, File, Handle, Truncate, Write


class Operations(mfusepy.Operations):  # type: ignore[misc]
    """The calls of FUSE on a disk. Runs on one thread beside the one that takes orders, hence the lock."""

    use_ns = True

    def __init__(self, disk: Disk, lock: threading.Lock, mounted: queue.SimpleQueue[None]) -> None:
        self._disk = disk
        self._lock = lock
        self._mounted = mounted
        self._open: dict[int, Handle] = {}
        self._next = 0

    def init(self, path: str) -> None:
        self._mounted.put(None)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        with self._lock:
            node = self._open[fh].file if fh else self._disk.find(path)
            now = time.time_ns()
            times = {"st_atime": now, "st_mtime": now, "st_ctime": now}
            if isinstance(node, Directory):
                return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2, **times}
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": len(node.content), **times}

    def readdir(self, path: str, fh: int) -> list[str]:
        with self._lock:
            node = self._disk.find(path)
            assert isinstance(node, Directory)
            return [".", "..", *node.entries]

    def _handle(self, file: File) -> int:
        self._next += 1
        self._open[self._next] = Handle(file)
        return self._next

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        with self._lock:
            parent, name = self._disk.parent(path)
            file = File()
            parent.change({name: file})
            return self._handle(file)

    def open(self, path: str, flags: int) -> int:
        with self._lock:
            return self._handle(self._disk.file(path))

    def release(self, path: str, fh: int) -> int:
        with self._lock:
            del self._open[fh]
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        with self._lock:
            return self._disk.read(self._open[fh].file, offset, size)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        with self._lock:
            self._disk.change(self._open[fh].file, Write(offset, data))
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        with self._lock:
            self._disk.change(self._open[fh].file if fh else self._disk.file(path), Truncate(length))
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        with self._lock:
            self._disk.sync_file(path, self._open[fh])
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        with self._lock:
            node = self._disk.find(path)
            assert isinstance(node, Directory)
            node.sync()
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        with self._lock:
            parent, name = self._disk.parent(path)
            parent.change({name: Directory()})
        return 0

    def unlink(self, path: str) -> int:
        with self._lock:
            parent, name = self._disk.parent(path)
            parent.change({name: None})
        return 0

    rmdir = unlink

    def rename(self, old: str, new: str) -> int:
        with self._lock:
            self._disk.rename(old, new)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        return 0


class Orders:
    """Reads what is to happen to the disk, line by line."""

    def __init__(self, disk: Disk, mount: str) -> None:
        self.lock = threading.Lock()
        self.mounted: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.ended = False
        self._disk = disk
        self._mount = mount

    def run(self) -> None:
        self.mounted.get()
        answer({"mounted": True})
        for line in sys.stdin:
            answer(self._obey(json.loads(line)))
        self.ended = True
        self._unmount("--lazy")

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        disk = self._disk
        match order["do"]:
            case "cut":
                seed = order["seed"]
                with self.lock:
                    disk.cut_power(None if seed is None else random.Random(seed))
                # The kernel's cache goes with the mount, as it goes with the power.
                self._unmount()
                self.mounted.get()
            case "break":
                disk.broken = True
            case "mend":
                disk.mend()
            case "hide":
                disk.unreadable = True
            case "fail_syncs":
                disk.failing_suffix, disk.failing_syncs = order["suffix"], order["count"]
        return {"failed_syncs": disk.failed_syncs, "synced_after_failure": disk.synced_after_failure}

    def _unmount(self, *options: str) -> None:
        subprocess.run(["umount", *options, self._mount], check=True)


def answer(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


def main(mount: str) -> None:
    disk = Disk()
    orders = Orders(disk, mount)
    threading.Thread(target=orders.run, name="orders", daemon=True).start()
    while not orders.ended:
        operations = Operations(disk, orders.lock, orders.mounted)
        # No lookup is remembered: what the kernel believes of names would outlive the power cut.
        mfusepy.FUSE(
            operations, mount, foreground=True, nothreads=True,
            attr_timeout=0, entry_timeout=0, negative_timeout=0,
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
