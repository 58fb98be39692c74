"""The built page, held in memory: a few files, read once at the start.

Owns content types, caching and compression of these files. A path is looked up in a table and never touches
the disk, so no path can leave the directory and no request waits for a thread.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

#: Where `make run` and the wheel put the built page.
PAGE_DIRECTORY = Path(__file__).parent / "static"

INDEX = "index.html"

# Not the system's table: on some machines it says text/plain for scripts, which browsers then refuse.
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSIBLE = {".css", ".html", ".js", ".json", ".map", ".svg", ".txt", ".webmanifest"}
_LEAST_COMPRESSED_BYTES = 1_000

_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"

#: Paths for which the page is kept ready; there are one or two of them.
_MOST_PLACES = 8

_BASE_TAG = b'<base href="/" />'


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file as it is sent. `compressed` is its gzip form, if that is worth it."""

    content: bytes
    compressed: bytes | None
    headers: Mapping[str, str]


def load_page(directory: Path) -> dict[str, PageFile]:
    """The files under `directory` by their path, as in `assets/index-1a2b.js`; empty if there is no page."""
    if not (directory / INDEX).is_file():
        return {}
    files = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    return {name: _make_file(name, path.read_bytes()) for name, path in sorted(files.items())}


@functools.lru_cache(maxsize=_MOST_PLACES)
def index_at(content: bytes, base_path: str) -> PageFile:
    """The page for those who reach it under `base_path`, by which it finds its assets and its server."""
    # A host application may put a part of the address into the path at which it mounts this server.
    href = quote(base_path, safe="/~!$()*,;:@") + "/"
    return _make_file(INDEX, content.replace(_BASE_TAG, f'<base href="{href}" />'.encode(), 1))


def _make_file(name: str, content: bytes) -> PageFile:
    suffix = PurePosixPath(name).suffix
    worth_it = suffix in _COMPRESSIBLE and len(content) >= _LEAST_COMPRESSED_BYTES
    # Vite writes a hash of the content into every name under assets/: what such a name holds never changes.
    headers = {
        "Content-Type": _CONTENT_TYPES.get(suffix, "application/octet-stream"),
        "Cache-Control": _IMMUTABLE if name.startswith("assets/") else _REVALIDATE,
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:24]}"',
    }
    if worth_it:
        headers["Vary"] = "Accept-Encoding"
    return PageFile(content, gzip.compress(content, 6, mtime=0) if worth_it else None, headers)


NOT_BUILT = PageFile(
    b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Collab Server</title>
<h1>The server runs; the page is not built</h1>
<p>Editors can connect: every WebSocket path is a room.</p>
<p>To build the page you need Node 20. In the directory of the source code run
<code>make run</code>, which builds it and starts the server, or
<code>npm ci &amp;&amp; npm run build</code> in <code>frontend-demo/</code> and start the server again.</p>
</html>
""",
    None,
    {"Content-Type": _CONTENT_TYPES[".html"], "Cache-Control": "no-store"},
)
