from __future__ import annotations

import errno
import resource
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from collab_storage import LockedError, NewerFormatError

from collab_server.config import ListenSettings, Settings, StorageSettings
from collab_server.errors import ConfigError
from collab_server.process import (
    RESERVED_FILES,
    base_url,
    connections_that_fit,
    explain_start_failure,
    raise_file_limit,
    resident_bytes,
    seconds_since_start,
)


def _settings(host: str, base_path: str = "") -> Settings:
    return Settings(listen=ListenSettings(host=host, base_path=base_path))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://127.0.0.1:80/"),
        ("::", "http://[::1]:80/"),
        ("::1", "http://[::1]:80/"),
        ("localhost", "http://localhost:80/"),
    ],
)
def test_an_address_that_can_be_opened(host: str, url: str) -> None:
    assert base_url("http", _settings(host), 80) == url


def test_the_base_path_is_part_of_the_address() -> None:
    assert base_url("ws", _settings("::1", "/collab"), 1234) == "ws://[::1]:1234/collab/"


def test_the_file_limit_is_raised_to_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (256, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.update(now=wanted))
    assert raise_file_limit() == 4096
    assert limits["now"] == (4096, 4096)
    assert raise_file_limit() == 4096


def test_a_file_limit_without_end_is_still_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda _: endless)
    assert raise_file_limit() == 1 << 20


def test_some_files_are_kept_for_the_server_itself() -> None:
    assert connections_that_fit(4096) == 4096 - RESERVED_FILES
    assert connections_that_fit(16) == 1


def test_the_age_of_the_process() -> None:
    first = seconds_since_start()
    assert 0 < first <= seconds_since_start() < 3600


def test_a_taken_data_directory_names_its_holder() -> None:
    failure = explain_start_failure(LockedError(path="data", holder="pid 7"), Settings())
    assert failure.sentence == "data is in use by another server: pid 7."
    assert "--data" in failure.hint


def test_a_data_directory_that_cannot_be_written_is_named() -> None:
    error = PermissionError(errno.EACCES, "Permission denied", "/srv/data/lock")
    settings = Settings(storage=StorageSettings(directory=Path("/srv/data")))
    failure = explain_start_failure(error, settings)
    assert (
        failure.sentence == "The data directory /srv/data cannot be used: Permission denied (/srv/data/lock)."
    )


def test_a_newer_database_is_left_alone() -> None:
    failure = explain_start_failure(NewerFormatError(where="j.sqlite3", found=9, known=1), Settings())
    assert "format 9" in failure.sentence
    assert failure.hint == "Nothing was changed."


def test_what_the_listener_says_is_passed_on() -> None:
    assert (
        explain_start_failure(ConfigError("Port 80 is in use."), Settings()).sentence == "Port 80 is in use."
    )


def test_an_error_without_a_file_is_told_as_it_is() -> None:
    error = OSError(errno.EMFILE, "Too many open files")
    assert "Too many open files" in explain_start_failure(error, Settings()).sentence


def test_with_tls_the_addresses_say_so() -> None:
    listen = ListenSettings(tls_cert=Path("cert.pem"), tls_key=Path("key.pem"))
    assert base_url("ws", Settings(listen=listen), 80) == "wss://127.0.0.1:80/"
    assert base_url("http", Settings(listen=listen), 80) == "https://127.0.0.1:80/"


def test_the_memory_is_what_the_system_says() -> None:
    expected = psutil.Process().memory_info().rss
    assert expected * 0.8 < (resident_bytes() or 0) < expected * 1.2
