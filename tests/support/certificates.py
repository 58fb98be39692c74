"""Certificates for this machine, made by openssl; each is its own authority, to be trusted alone."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """Files in PEM."""

    cert: Path
    key: Path

    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.cert))


def make_pair(directory: Path, name: str = "server", *, password: str | None = None) -> Pair:
    """A new key and a certificate for 127.0.0.1 and localhost."""
    pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
    protection = ["-noenc"] if password is None else ["-passout", f"pass:{password}"]
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-days", "2", "-subj", f"/CN={name}"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *protection),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
            *("-keyout", str(pair.key), "-out", str(pair.cert)),
        ],
        check=True,
        capture_output=True,
    )
    pair.key.chmod(0o600)
    return pair
