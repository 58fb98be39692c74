"""Settings of the server: one frozen tree, where its values come from, and how people see it.

Everybody reads `Settings`; only `cli` and `server` load it. Nothing here starts or opens anything.
"""

from collab_server.config.loading import CONFIG_VARIABLE, LoadedSettings, load_settings
from collab_server.config.settings import (
    LatencySettings,
    LimitSettings,
    ListenSettings,
    LogFormat,
    LogLevel,
    LogSettings,
    RoomSettings,
    SessionSettings,
    Settings,
    StorageSettings,
    Synchronous,
    WorkerSettings,
)

__all__ = [
    "CONFIG_VARIABLE",
    "LatencySettings",
    "LimitSettings",
    "ListenSettings",
    "LoadedSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "RoomSettings",
    "SessionSettings",
    "Settings",
    "StorageSettings",
    "Synchronous",
    "WorkerSettings",
    "load_settings",
]
