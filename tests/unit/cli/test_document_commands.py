from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from collab_server.cli.commands import app
from collab_server.cli.document_commands import _explain
from collab_server.errors import FailureKind, JobFailed
from collab_server.process import ExitCode
from tests.unit.engine import documents
from tests.unit.engine.journals import write_document

pytestmark = pytest.mark.usefixtures("worker_imports")


def _show(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["documents", "show", *arguments], env={"COLUMNS": "120"})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    asyncio.run(write_document(tmp_path, "notes/physics", [documents.EVERYTHING]))
    asyncio.run(write_document(tmp_path, "theirs", [documents.HONEST], tenant="school"))
    return tmp_path


def test_a_document_for_people(data: Path) -> None:
    result = _show("notes/physics", "--data", str(data))
    assert result.exit_code == 0, result.output
    size = len(documents.EVERYTHING)
    for text in ("notes/physics", f"{size} bytes in 1 update", "héllo 😀", '"image": "a.png"', "text  text"):
        assert text in result.stdout


def test_a_document_for_programs(data: Path) -> None:
    result = _show("notes/physics", "--data", str(data), "--json")
    shown = json.loads(result.stdout)
    assert (shown["tenant"], shown["room"], shown["clients"]) == ("default", "notes/physics", [1])
    assert {root["name"]: root["type"] for root in shown["roots"]}["xml"] == "fragment"


def test_the_document_of_another_tenant(data: Path) -> None:
    assert "honest" in _show("theirs", "--tenant", "school", "--data", str(data)).stdout


def test_nothing_is_written_to_the_journal(data: Path) -> None:
    before = (data / "journal.sqlite3").read_bytes()
    _show("notes/physics", "--data", str(data))
    assert (data / "journal.sqlite3").read_bytes() == before
    assert not (data / "lock").exists()


def test_a_room_that_nobody_wrote_in(data: Path) -> None:
    result = _show("nobody", "--data", str(data))
    assert result.exit_code == ExitCode.CANNOT_START
    assert "There is no document 'nobody' of tenant 'default'" in result.stderr
    assert "Check the name and --data." in result.stderr


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    result = _show("notes", "--data", str(tmp_path / "elsewhere"))
    assert result.exit_code == ExitCode.CANNOT_START
    assert f"There is no journal at {tmp_path / 'elsewhere'}" in result.stderr
    assert "--data" in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("pragma", "text"),
    [
        ("user_version=99", "start the newer server, or restore the copy made before the upgrade"),
        ("application_id=7", "Name the server's data directory with --data."),
    ],
)
def test_a_journal_of_another_format(data: Path, pragma: str, text: str) -> None:
    connection = sqlite3.connect(data / "journal.sqlite3")
    connection.execute(f"PRAGMA {pragma}")
    connection.close()
    result = _show("notes/physics", "--data", str(data))
    assert result.exit_code == ExitCode.CANNOT_START
    assert text in result.stderr


def test_a_name_that_no_room_can_have(data: Path) -> None:
    result = _show("a//b", "--data", str(data))
    assert result.exit_code == ExitCode.CONFIGURATION
    assert "A segment of the room's name is empty" in result.stderr


def test_what_yrs_does_not_take_is_told_with_its_meaning(data: Path) -> None:
    asyncio.run(write_document(data, "bad", [documents.HONEST, documents.EMPTY_SECTION]))
    result = _show("bad", "--data", str(data))
    assert result.exit_code == ExitCode.CANNOT_START
    assert "The document 'bad' cannot be shown: update 2 of 2" in result.stderr
    assert "The server serves it all the same" in result.stderr


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (FailureKind.CRASHED, ""),
        (FailureKind.OUT_OF_MEMORY, "workers.max_memory_bytes"),
        (FailureKind.DEADLINE, "workers.background_seconds"),
        (FailureKind.UNAVAILABLE, "open files"),
    ],
)
def test_a_worker_that_failed_is_told_with_what_helps(kind: FailureKind, hint: str) -> None:
    sentence, found = _explain(JobFailed(kind, "the reason"), Path("j"), "default", "notes")
    assert "the reason" in sentence
    assert hint in found
