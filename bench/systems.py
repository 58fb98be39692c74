"""The servers that are compared, and how each is started. Options are as shipped; the rest stands here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

PEERS = Path(__file__).parent / "peers"
_BIN = Path(sys.executable).parent

Role = Literal["ours", "peer", "floor"]


@dataclass(frozen=True, slots=True)
class Launch:
    """One server process: what to run, with which environment, and whether it says its port itself."""

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    announces_port: bool = False


@dataclass(frozen=True, slots=True)
class System:
    """A server under test. `launch(port, data directory, document or None)` tells how to start it."""

    name: str
    label: str
    role: Role
    dialect: str
    launch: Callable[[int, Path, Path | None], Launch]
    keeps_documents: bool = True


def _ours(_port: int, data: Path, _document: Path | None) -> Launch:
    flags = ["--host", "127.0.0.1", "--port", "0", "--data", str(data), "--log-format", "json"]
    return Launch([str(_BIN / "collab-server"), "serve", *flags], announces_port=True)


def _y_websocket(port: int, _data: Path, _document: Path | None) -> Launch:
    script = PEERS / "node_modules" / "@y" / "websocket-server" / "src" / "server.js"
    return Launch([_node(), str(script)], {"HOST": "127.0.0.1", "PORT": str(port)})


def _hocuspocus(port: int, _data: Path, _document: Path | None) -> Launch:
    return Launch([_node(), str(PEERS / "hocuspocus.mjs"), str(port)])


def _pycrdt_websocket(port: int, _data: Path, _document: Path | None) -> Launch:
    return Launch([sys.executable, str(PEERS / "pycrdt_websocket.py"), "--port", str(port)])


def _floor(port: int, _data: Path, document: Path | None) -> Launch:
    given = ["--document", str(document)] if document else []
    return Launch([sys.executable, str(PEERS / "floor.py"), "--port", str(port), *given])


SYSTEMS = {
    system.name: system
    for system in (
        System("ours", "collab-server", "ours", "y-websocket", _ours),
        System("y-websocket", "@y/websocket-server 0.1.1", "peer", "y-websocket", _y_websocket),
        System("hocuspocus", "@hocuspocus/server 3.4.4", "peer", "hocuspocus", _hocuspocus),
        System("pycrdt-websocket", "pycrdt-websocket on Hypercorn", "peer", "y-websocket", _pycrdt_websocket),
        System("floor", "floor (bare picows relay)", "floor", "y-websocket", _floor, keeps_documents=False),
    )
}


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise FileNotFoundError("node is not on the PATH; the peers need Node 20 or later")
    return node


def install_peers() -> None:
    """`npm ci` the peers at their locked versions, unless what is installed is newer than the lock file."""
    lock = PEERS / "package-lock.json"
    installed = PEERS / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=PEERS, check=True)
