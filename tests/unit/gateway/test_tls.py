"""Certificate files: what is taken, and one sentence for each thing that can be wrong."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from collab_server.gateway.tls import Certificate, TlsError, load_context
from tests.support.certificates import Pair, make_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("pair"))


def test_versions_before_1_2_are_not_spoken(pair: Pair) -> None:
    assert load_context(pair.cert, pair.key).minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_file_that_is_absent(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(TlsError, match=r"none\.pem \(--tls-cert\) cannot be read: No such file"):
        load_context(tmp_path / "none.pem", pair.key)
    with pytest.raises(TlsError, match=r"none\.key \(--tls-key\) cannot be read"):
        load_context(pair.cert, tmp_path / "none.key")


def test_files_that_are_exchanged(pair: Pair) -> None:
    with pytest.raises(TlsError, match=r"server\.key \(--tls-cert\) does not hold a certificate"):
        load_context(pair.key, pair.cert)


def test_a_key_of_another_certificate(pair: Pair, tmp_path: Path) -> None:
    other = make_pair(tmp_path, "other")
    with pytest.raises(TlsError, match=r"other\.key does not belong to the certificate"):
        load_context(pair.cert, other.key)


def test_a_key_with_a_password_asks_nobody(tmp_path: Path) -> None:
    locked = make_pair(tmp_path, "locked", password="secret")
    with pytest.raises(TlsError, match=r"locked\.key is encrypted"):
        load_context(locked.cert, locked.key)


def test_garbage_in_the_right_frame(pair: Pair, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n")
    with pytest.raises(TlsError, match=r"broken\.pem or its key"):
        load_context(broken, pair.key)


def test_a_bad_file_leaves_the_context_of_before(tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    certificate = Certificate(pair.cert, pair.key)
    certificate.load()
    before = certificate.context
    pair.cert.write_text("spoiled")
    with pytest.raises(TlsError):
        certificate.load()
    assert certificate.context is before
    make_pair(tmp_path)
    certificate.load()
    assert certificate.context is not before


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_key_that_everybody_may_read_is_warned_of(tmp_path: Path, mode: int, warned: bool) -> None:
    pair = make_pair(tmp_path)
    pair.key.chmod(mode)
    with capture_logs() as lines:
        Certificate(pair.cert, pair.key).load()
    assert [line["event"] for line in lines] == ["tls_key_exposed"] * warned
