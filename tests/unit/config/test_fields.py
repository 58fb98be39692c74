from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, SecretStr

from collab_server.config import LogFormat, Settings
from collab_server.config.fields import settings_of, show, value_of


def test_a_key_and_its_environment_variable() -> None:
    assert settings_of()["listen.port"].variable == "COLLAB_LISTEN__PORT"


def test_every_setting_is_described_in_one_sentence() -> None:
    for setting in settings_of().values():
        assert setting.description.endswith("."), setting.key
        assert setting.description[0].isupper(), setting.key
        assert "\n" not in setting.description, setting.key


@pytest.mark.parametrize("word", ["timeout", "size", "delay_ms", "interval_ms"])
def test_quantities_name_their_unit(word: str) -> None:
    assert not [key for key in settings_of() if key.endswith(word)]


def test_every_number_with_a_fraction_is_seconds() -> None:
    assert all(s.unit == "seconds" for s in settings_of().values() if s.info.annotation is float)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("listen.host", "text that is not empty"),
        ("listen.port", "a whole number from 0 to 65535"),
        ("listen.max_headers", "a whole number, at least 1"),
        ("listen.allow_anonymous", "true or false"),
        ("storage.directory", "a path"),
        ("storage.commit_interval_seconds", "a number of seconds from 0 to 5"),
        ("rooms.max_document_bytes", "a whole number of bytes, at least 1"),
        ("sessions.keepalive_seconds", "a number of seconds over 0 and under 30"),
        ("log.format", "one of auto, text, json"),
    ],
)
def test_what_is_expected_reads_as_a_sentence(key: str, expected: str) -> None:
    assert settings_of()[key].expected == expected


def test_the_value_under_a_key() -> None:
    assert value_of(Settings(), "rooms.linger_seconds") == 30.0


class _Login(BaseModel):
    secret: SecretStr = Field(default=SecretStr("hunter2"), description="A secret.")


class _Tree(BaseModel):
    login: _Login = _Login()


def test_secrets_are_known_and_never_shown() -> None:
    assert settings_of(_Tree)["login.secret"].secret
    assert not settings_of()["listen.host"].secret
    assert show(value_of(_Tree(), "login.secret")) == "***"


@pytest.mark.parametrize(
    ("value", "shown"), [(True, "true"), (0.025, "0.025"), (30.0, "30"), (LogFormat.AUTO, "auto"), (5, "5")]
)
def test_values_are_shown_as_in_the_file(value: object, shown: str) -> None:
    assert show(value) == shown
