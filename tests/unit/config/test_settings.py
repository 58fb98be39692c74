from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from collab_server.config import ListenSettings, RoomSettings, SessionSettings, Settings, Synchronous


def test_the_defaults_are_valid_and_local() -> None:
    settings = Settings()
    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 1234)
    assert settings.storage.directory == Path("data")
    assert settings.storage.synchronous is Synchronous.FULL


def test_nothing_can_be_changed_later() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.listen.port = 1


def test_the_environment_is_not_read_by_the_tree_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLAB_LISTEN__PORT", "1")
    assert Settings().listen.port == 1234


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValidationError, match="prot"):
        Settings.model_validate({"listen": {"prot": 1}})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_durations_are_finite_and_not_negative(value: float) -> None:
    with pytest.raises(ValidationError):
        RoomSettings(linger_seconds=value)


@pytest.mark.parametrize("path", ["collab", "/collab/", "/"])
def test_a_base_path_starts_with_a_slash_and_ends_without(path: str) -> None:
    with pytest.raises(ValidationError, match="as in /collab"):
        ListenSettings(base_path=path)


def test_the_least_interval_is_not_over_the_most() -> None:
    with pytest.raises(ValidationError, match=r"rooms\.awareness_interval_min_seconds"):
        RoomSettings(awareness_interval_min_seconds=1.0, awareness_interval_max_seconds=0.5)


def test_a_frame_must_hold_the_largest_document() -> None:
    with pytest.raises(ValidationError, match=r"sessions\.max_frame_bytes must be at least"):
        Settings(sessions=SessionSettings(max_frame_bytes=50_000_000))


def test_keepalives_come_before_the_clients_lose_patience() -> None:
    with pytest.raises(ValidationError):
        SessionSettings(keepalive_seconds=30)


@pytest.mark.parametrize("given", [{"tls_cert": "a"}, {"tls_key": "a"}, {"tls_cert": "a", "tls_key": ""}])
def test_a_certificate_and_its_key_come_together(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="given together"):
        Settings.model_validate({"listen": given})


def test_an_empty_path_is_none() -> None:
    settings = Settings.model_validate({"listen": {"tls_cert": "", "tls_key": ""}})
    assert settings.listen.tls_cert is None
