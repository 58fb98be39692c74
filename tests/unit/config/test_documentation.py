from __future__ import annotations

from collab_server.config.fields import settings_of
from docs.generate_configuration import PAGE, render


def test_the_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run python docs/generate_configuration.py"


def test_every_setting_has_its_row() -> None:
    page = render()
    for setting in settings_of().values():
        assert f"| `{setting.key}`<br>`{setting.variable}` |" in page
