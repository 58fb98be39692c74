"""What can be read off the tree of settings: keys, environment variables, units, what is allowed.

Owns the two spellings of a setting (`listen.port`, `COLLAB_LISTEN__PORT`) and how a value is shown.
Knows no file, environment or flag.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from collab_server.config.settings import Settings

ENVIRONMENT_PREFIX = "COLLAB_"
HIDDEN = "***"

_UNITS = {"_seconds": "seconds", "_bytes": "bytes"}
_NOUNS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    Path: "a path",
    Path | None: "a path, or empty for none",
    str: "text",
    SecretStr: "a secret",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the tree. `key` is the dotted name, as in the configuration file."""

    key: str
    info: FieldInfo

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return ENVIRONMENT_PREFIX + self.key.upper().replace(".", "__")

    @property
    def description(self) -> str:
        return self.info.description or ""

    @property
    def unit(self) -> str:
        return next((unit for suffix, unit in _UNITS.items() if self.key.endswith(suffix)), "")

    @property
    def default(self) -> Any:
        return self.info.default

    @property
    def secret(self) -> bool:
        return self.info.annotation is SecretStr

    @property
    def expected(self) -> str:
        """What a right value is, as the end of a sentence: "a whole number from 0 to 65535"."""
        kind = self.info.annotation
        if kind is bool:
            return "true or false"
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return "one of " + ", ".join(kind)
        noun = _NOUNS[kind] + (f" of {self.unit}" if self.unit else "")
        return noun + _range(self.info)


def _range(info: FieldInfo) -> str:
    bounds: dict[str, str] = {}
    for bound in info.metadata:
        match bound:
            case annotated_types.Ge(ge=value):
                bounds["from"] = show(value)
            case annotated_types.Gt(gt=value):
                bounds["over"] = show(value)
            case annotated_types.Le(le=value):
                bounds["to"] = show(value)
            case annotated_types.Lt(lt=value):
                bounds["and under"] = show(value)
            case annotated_types.MinLen():
                return " that is not empty"
    if set(bounds) == {"from"}:
        return f", at least {bounds['from']}"
    return "".join(
        f" {word} {bounds[word]}" for word in ("from", "over", "to", "and under") if word in bounds
    )


def _walk(tree: type[BaseModel], prefix: str) -> Iterator[Setting]:
    for name, info in tree.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _walk(info.annotation, f"{prefix}{name}.")
        else:
            yield Setting(prefix + name, info)


@functools.cache
def settings_of(tree: type[BaseModel] = Settings) -> Mapping[str, Setting]:
    """Every leaf of `tree` by its key, in the order of the sections."""
    return MappingProxyType({setting.key: setting for setting in _walk(tree, "")})


def value_of(settings: BaseModel, key: str) -> Any:
    """The value under a dotted key."""
    return functools.reduce(getattr, key.split("."), settings)


def show(value: object) -> str:
    """A value as people write it in TOML, without quotes; secrets never."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
