"""What is asked of every port: that its adapters have its calls, and that its acceptance suite bites."""

from __future__ import annotations

import inspect

from collab_storage import StorageError


def calls_of(port: type) -> list[str]:
    """Names of what is awaited."""
    return [name for name, value in vars(port).items() if inspect.iscoroutinefunction(value)]


def check_signature(adapter: type, port: type, call: str) -> None:
    """Fail unless the adapter takes the call as the port says."""
    found = getattr(adapter, call)
    assert inspect.iscoroutinefunction(found)
    assert inspect.signature(found) == inspect.signature(getattr(port, call))


async def failures(suite: object) -> list[str]:
    """Names of the tests of a suite that do not pass."""
    failed: list[str] = []
    for name, test in inspect.getmembers(suite, inspect.iscoroutinefunction):
        if name.startswith("test_"):
            try:
                await test()
            except (AssertionError, LookupError, StorageError):
                failed.append(name)
    return failed
