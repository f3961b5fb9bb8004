"""Connection strings: one endpoint for each resource, and its primary key."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger.settings import connection_string, dev_settings, load

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OTHER = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


def test_the_endpoint_is_the_public_url(tmp_path: Path) -> None:
    settings = dev_settings(tmp_path, environ={"STROWGER__RESOURCE__0__KEYS": f"{KEY},{OTHER}"})
    assert connection_string(settings, settings.resources[0]) == f"endpoint=https://localhost:7443/;accesskey={KEY}"
    other = connection_string(settings, settings.resources[0], OTHER)
    assert other == f"endpoint=https://localhost:7443/;accesskey={OTHER}"


@pytest.mark.parametrize(
    ("public_url", "host", "authority"),
    [
        ("https://calls.example", "two.example", "two.example"),
        ("https://calls.example:7443", "two.example", "two.example:7443"),
        ("https://calls.example:7443", "two.example:8443", "two.example:8443"),
        ("https://calls.example:7443", "::1", "[::1]:7443"),
        ("https://calls.example:7443", "calls.example:7443", "calls.example:7443"),
    ],
)
def test_another_resource_has_its_own_host(tmp_path: Path, public_url: str, host: str, authority: str) -> None:
    file = tmp_path / "strowger.toml"
    file.write_text(
        f'[server]\npublic_url = "{public_url}"\n'
        f'[[resource]]\nname = "r"\nid = "1"\nhosts = ["{host}"]\nkeys = ["{KEY}"]\n'
    )
    settings = load(file, {}, {})
    assert connection_string(settings, settings.resources[0]) == f"endpoint=https://{authority}/;accesskey={KEY}"
