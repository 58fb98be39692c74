"""The certificate of the port: files to a TLS context, and sentences for what can be wrong with them.

Owns which versions and protocols of TLS are spoken: 1.2 and later, HTTP/1.1 alone (an HTTP/2 connection would
bring WebSockets on the slow path). Does not know who connects, nor when the files change.
"""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

from collab_server.errors import ConfigError
from collab_server.observability import Event, get_logger

_log = get_logger(__name__)

_ALPN = ("http/1.1",)


class TlsError(ConfigError):
    """The certificate or its key cannot be used; the text names the file and says what to do."""


class _EncryptedKeyError(Exception):
    """OpenSSL asks for a password, which nobody is there to type."""


class Certificate:
    """A certificate and its key, read again when asked. Reading blocks: call `load` in a thread."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert = cert
        self._key = key
        self._context: ssl.SSLContext | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """What the next handshake takes. Those before keep what they took."""
        assert self._context is not None, "load() comes first"
        return self._context

    def load(self) -> None:
        """Read both files; raises TlsError, and then the context is the one of before."""
        self._context = load_context(self._cert, self._key)
        if self._key.stat().st_mode & stat.S_IROTH:
            hint = f"chmod o-r {self._key}"
            _log.warning(Event.TLS_KEY_EXPOSED, file=str(self._key), hint=hint)


def load_context(cert: Path, key: Path) -> ssl.SSLContext:
    """A context of its own for these files, so that a bad pair spoils none in use. Raises TlsError."""
    _check_pem(cert, b"-----BEGIN CERTIFICATE-----", "a certificate", "--tls-cert")
    _check_pem(key, b"PRIVATE KEY-----", "a private key", "--tls-key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(_ALPN)
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except _EncryptedKeyError:
        raise TlsError(
            f"The key {key} is encrypted. Store it without a password, readable by the server alone."
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsError(f"The key {key} does not belong to the certificate {cert}.") from error
        raise TlsError(f"The certificate {cert} or its key {key} cannot be read: {error.reason}.") from error
    except OSError as error:
        raise TlsError(
            f"The certificate {cert} or its key {key} cannot be read: {error.strerror}."
        ) from error
    return context


def _no_password() -> str:
    raise _EncryptedKeyError


def _check_pem(path: Path, sign: bytes, what: str, flag: str) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TlsError(f"The file {path} ({flag}) cannot be read: {error.strerror}.") from error
    if sign not in content:
        raise TlsError(f"The file {path} ({flag}) does not hold {what} in PEM form.")
