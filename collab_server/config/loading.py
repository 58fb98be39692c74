"""Where settings come from: file, then environment, then flags, the later one winning.

Owns precedence, the origin of every value and the one message that says what is wrong. Knows nothing of the
meaning of a setting. An unknown name is an error everywhere, because a misspelt limit protects nobody.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from collab_server.config.fields import ENVIRONMENT_PREFIX, HIDDEN, Setting, settings_of
from collab_server.config.settings import Settings
from collab_server.errors import ConfigError

#: Names the configuration file when no flag does.
CONFIG_VARIABLE = "COLLAB_CONFIG"

# Kubernetes sets these in every pod for a service called `collab…`; they are not ours.
_KUBERNETES_LINK = re.compile(
    r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$"
)


class Source(StrEnum):
    """The kinds of places a value comes from, weakest first."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value came from; `name` is the file, variable or flag."""

    source: Source
    name: str = ""

    def __str__(self) -> str:
        return f"{self.source} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value that somebody gave to one setting."""

    key: str
    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Valid settings, and for every key that is not at its default where its value came from."""

    settings: Settings
    origins: Mapping[str, Origin]

    def origin(self, key: str) -> Origin:
        return self.origins.get(key, Origin(Source.DEFAULT))


def load_settings(
    *,
    config_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Iterable[Assignment] = (),
) -> LoadedSettings:
    """Read all sources and validate the result.

    `environment` is the process's own when not given; its COLLAB_CONFIG names the file when `config_file` is
    not given. Raises `ConfigError` whose text has one line for each thing that is wrong.
    """
    variables = os.environ if environment is None else environment
    if config_file is None and variables.get(CONFIG_VARIABLE):
        config_file = Path(variables[CONFIG_VARIABLE])
    problems: list[str] = []
    assignments: dict[str, Assignment] = {}
    for layer in (
        _from_file(config_file, problems),
        _from_environment(variables, problems),
        _known(flags, problems),
    ):
        assignments.update({assignment.key: assignment for assignment in layer})
    settings = _validate(assignments, problems)
    if settings is None or problems:
        raise ConfigError("\n".join(problems))
    return LoadedSettings(settings, {key: assignment.origin for key, assignment in assignments.items()})


def _from_file(path: Path | None, problems: list[str]) -> list[Assignment]:
    if path is None:
        return []
    try:
        content = path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the configuration file {path} is not UTF-8 text (byte {error.start})") from error
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration file {path} is not valid TOML: {error}") from error
    return list(_flatten(table, "", Origin(Source.FILE, str(path)), problems))


def _flatten(
    table: Mapping[str, Any], prefix: str, origin: Origin, problems: list[str]
) -> Iterator[Assignment]:
    known = settings_of()
    for name, value in table.items():
        key = prefix + name
        if key in known:
            yield Assignment(key, value, origin)
        elif not any(setting.startswith(key + ".") for setting in known):
            problems.append(f"{key} ({origin}): no such setting.{_suggest(key, _names(known))}")
        elif isinstance(value, dict):
            yield from _flatten(value, key + ".", origin, problems)
        else:
            problems.append(f"{key} ({origin}): is a section of settings, written as a table [{key}]")


def _known(flags: Iterable[Assignment], problems: list[str]) -> Iterator[Assignment]:
    known = settings_of()
    for flag in flags:
        if flag.key in known:
            yield flag
        else:
            problems.append(f"{flag.key} ({flag.origin}): no such setting.{_suggest(flag.key, known)}")


def _names(keys: Iterable[str]) -> set[str]:
    """Keys, and the sections they are in."""
    return {key.rsplit(".", depth)[0] for key in keys for depth in (0, 1)}


def _from_environment(variables: Mapping[str, str], problems: list[str]) -> list[Assignment]:
    by_variable = {setting.variable: setting.key for setting in settings_of().values()}
    assignments = []
    for name, value in variables.items():
        if name in by_variable:
            assignments.append(Assignment(by_variable[name], value, Origin(Source.ENVIRONMENT, name)))
        elif (
            name.startswith(ENVIRONMENT_PREFIX)
            and name != CONFIG_VARIABLE
            and not _is_foreign(name, value, by_variable)
        ):
            problems.append(f"{name} (environment): no such setting.{_suggest(name, by_variable)}")
    return assignments


def _is_foreign(name: str, value: str, by_variable: Iterable[str]) -> bool:
    """Whether Kubernetes made this variable, rather than somebody who left out one underscore."""
    meant = {variable.replace("__", "_") for variable in by_variable}
    if name.endswith("_PORT") and not name.endswith("_SERVICE_PORT") and "://" not in value:
        return False  # somebody means the server's port; Kubernetes writes tcp://… here
    return bool(_KUBERNETES_LINK.search(name)) and "__" not in name and name not in meant


def _suggest(name: str, known: Iterable[str]) -> str:
    # Imported here: only a mistake pays for it.
    import difflib

    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f" Did you mean {close[0]}?" if close else " `collab-server config show` lists all."


def _validate(assignments: Mapping[str, Assignment], problems: list[str]) -> Settings | None:
    tree: dict[str, Any] = {}
    for assignment in assignments.values():
        *sections, name = assignment.key.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = assignment.value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        problems.extend(_explain(details, assignments) for details in error.errors(include_url=False))
        return None


def _explain(details: ErrorDetails, assignments: Mapping[str, Assignment]) -> str:
    key = ".".join(str(part) for part in details["loc"])
    setting = settings_of().get(key)
    reason = _reason(details, setting)
    if setting is None:
        named = [a for a in assignments.values() if a.key in reason]
        origins = ", ".join(f"{a.key} is from {a.origin}" for a in named)
        return f"{reason}" + (f" ({origins})" if origins else "")
    value = HIDDEN if setting.secret else repr(assignments[key].value)
    return f"{key} = {value} ({assignments[key].origin}): {reason}"


def _reason(details: ErrorDetails, setting: Setting | None) -> str:
    if details["type"] == "value_error" or setting is None:
        return details["msg"].removeprefix("Value error, ")
    return f"expected {setting.expected}"
