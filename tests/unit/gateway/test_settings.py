"""The defaults of the gateway fit each other and the protocol's documents."""

from __future__ import annotations

from dataclasses import fields

from collab_server.gateway.settings import GatewaySettings


def test_defaults_are_positive_and_in_order() -> None:
    settings = GatewaySettings()

    assert all(
        value is None or value > 0 for value in (getattr(settings, field.name) for field in fields(settings))
    )
    assert settings.write_low_bytes < settings.write_high_bytes
    assert settings.message_max_bytes > 50_000_000
