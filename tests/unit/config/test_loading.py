from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from collab_server.config import load_settings
from collab_server.config.loading import Assignment, LoadedSettings, Origin, Source
from collab_server.errors import ConfigError


def _flag(key: str, value: object) -> Assignment:
    return Assignment(key, value, Origin(Source.FLAG, "--" + key.split(".")[-1]))


def _file(directory: Path, text: str) -> Path:
    path = directory / "collab.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _problem(
    *,
    environment: Mapping[str, str] | None = None,
    config_file: Path | None = None,
    flags: tuple[Assignment, ...] = (),
) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(environment=environment or {}, config_file=config_file, flags=flags)
    return str(caught.value)


def test_nothing_given_is_the_defaults() -> None:
    loaded = load_settings(environment={})
    assert loaded == LoadedSettings(loaded.settings, {})
    assert loaded.origin("listen.port") == Origin(Source.DEFAULT)


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    path = _file(tmp_path, '[listen]\nport = 1\nmax_headers = 11\nbase_path = "/a"\n')
    loaded = load_settings(
        config_file=path,
        environment={"COLLAB_LISTEN__PORT": "2", "COLLAB_LISTEN__MAX_HEADERS": "12"},
        flags=[_flag("listen.port", 3)],
    )
    listen = loaded.settings.listen
    assert (listen.port, listen.max_headers, listen.base_path) == (3, 12, "/a")
    assert str(loaded.origin("listen.port")) == "flag --port"
    assert str(loaded.origin("listen.max_headers")) == "environment COLLAB_LISTEN__MAX_HEADERS"
    assert str(loaded.origin("listen.base_path")) == f"file {path}"


def test_the_environment_can_name_the_file_and_a_flag_replaces_it(tmp_path: Path) -> None:
    path = _file(tmp_path, "[listen]\nport = 7\n")
    assert load_settings(environment={"COLLAB_CONFIG": str(path)}).settings.listen.port == 7
    other = tmp_path / "other.toml"
    other.write_text("", encoding="utf-8")
    loaded = load_settings(environment={"COLLAB_CONFIG": str(path)}, config_file=other)
    assert loaded.settings.listen.port == 1234


def test_a_bad_value_names_key_value_source_and_what_would_be_right(tmp_path: Path) -> None:
    right = "expected a whole number from 0 to 65535"
    variable = {"COLLAB_LISTEN__PORT": "banana"}
    assert _problem(environment=variable) == (
        f"listen.port = 'banana' (environment COLLAB_LISTEN__PORT): {right}"
    )
    assert _problem(flags=(_flag("listen.port", 70000),)) == f"listen.port = 70000 (flag --port): {right}"
    path = _file(tmp_path, "[listen]\nport = -1\n")
    assert _problem(config_file=path) == f"listen.port = -1 (file {path}): {right}"


def test_every_problem_is_told_at_once() -> None:
    text = _problem(
        environment={"COLLAB_LISTEN__PORT": "x", "COLLAB_LOG__LEVEL": "loud", "COLLAB_NO__SUCH": "1"}
    )
    assert len(text.splitlines()) == 3
    assert "expected one of debug, info, warning, error" in text


def test_unknown_keys_in_the_file_are_errors_with_a_suggestion(tmp_path: Path) -> None:
    path = _file(tmp_path, "[listen]\nprot = 1\n[sesions]\nping_seconds = 1\n")
    assert _problem(config_file=path).splitlines() == [
        f"listen.prot (file {path}): no such setting. Did you mean listen.port?",
        f"sesions (file {path}): no such setting. Did you mean sessions?",
    ]


def test_a_section_is_a_table(tmp_path: Path) -> None:
    assert "written as a table [listen]" in _problem(config_file=_file(tmp_path, "listen = 5\n"))


def test_a_table_is_no_value(tmp_path: Path) -> None:
    assert "expected a whole number" in _problem(config_file=_file(tmp_path, "[listen.port]\na = 1\n"))


@pytest.mark.parametrize("name", ["COLLAB_LISTEN_PORT", "COLLAB_LISTEN__PROT"])
def test_unknown_variables_are_errors_with_a_suggestion(name: str) -> None:
    assert _problem(environment={name: "1"}) == (
        f"{name} (environment): no such setting. Did you mean COLLAB_LISTEN__PORT?"
    )


@pytest.mark.parametrize(
    "name",
    [
        "COLLAB_SERVICE_HOST",
        "COLLAB_SERVICE_PORT",
        "COLLAB_SERVICE_PORT_WS",
        "COLLAB_PORT",
        "COLLAB_SERVER_PORT",
        "COLLAB_SERVER_PORT_1234_TCP",
        "COLLAB_SERVER_PORT_1234_TCP_ADDR",
    ],
)
def test_variables_that_kubernetes_sets_for_a_service_are_left_alone(name: str) -> None:
    assert load_settings(environment={name: "tcp://10.0.0.1:1234"}).origins == {}


def test_a_port_of_ones_own_is_no_variable_of_kubernetes() -> None:
    """Story: COLLAB_PORT=8080 was passed over, and the server listened on 1234."""
    assert "no such setting" in _problem(environment={"COLLAB_PORT": "8080"})


def test_rules_between_settings_say_where_the_values_came_from() -> None:
    text = _problem(environment={"COLLAB_SESSIONS__MAX_FRAME_BYTES": "1"})
    assert "must be at least 50000016" in text
    assert text.endswith("(sessions.max_frame_bytes is from environment COLLAB_SESSIONS__MAX_FRAME_BYTES)")
    text = _problem(environment={"COLLAB_ROOMS__AWARENESS_INTERVAL_MIN_SECONDS": "5"})
    assert "interval_min_seconds (5) must not be over rooms.awareness_interval_max_seconds (2)" in text


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert (
        _problem(config_file=path) == f"cannot read the configuration file {path}: No such file or directory"
    )


def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    text = _problem(config_file=_file(tmp_path, "[listen]\nport = \n"))
    assert "is not valid TOML" in text
    assert "line 2" in text


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "collab.toml"
    path.write_bytes(b"a = '\xff'")
    assert _problem(config_file=path) == f"the configuration file {path} is not UTF-8 text (byte 5)"


def test_an_unknown_key_in_a_flag() -> None:
    assert _problem(flags=(_flag("rooms.linger", 1),)).startswith(
        "rooms.linger (flag --linger): no such setting."
    )
