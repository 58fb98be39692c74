from __future__ import annotations

import pytest
import typer

from collab_server.cli.flags import load_or_exit
from collab_server.process import ExitCode


def test_a_flag_says_its_name_as_it_is_typed() -> None:
    loaded = load_or_exit(None, ["rooms.linger_seconds = 5"], allow_anonymous=True, port=None)
    assert str(loaded.origin("listen.allow_anonymous")) == "flag --allow-anonymous"
    assert str(loaded.origin("rooms.linger_seconds")) == "flag --set"
    assert "listen.port" not in loaded.origins


def test_a_value_may_hold_an_equals_sign() -> None:
    assert load_or_exit(None, ["storage.directory=a=b"]).settings.storage.directory.name == "a=b"


def test_a_pair_without_an_equals_sign(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        load_or_exit(None, ["rooms.linger_seconds"])
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert "expected KEY=VALUE" in capsys.readouterr().err
