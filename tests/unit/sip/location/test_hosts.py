"""The hosts file goes before the DNS."""

from __future__ import annotations

import os
from pathlib import Path

from strowger.sip.location.hosts import HostsFile, names_in

TEXT = """# comment
127.0.0.1 localhost
192.0.2.1\tSBC.example. sbc   # the carrier
192.0.2.2 sbc
2001:db8::1 sbc

nonsense sbc
192.0.2.3
fe80::1%lo0 link
"""


def test_reading_the_lines() -> None:
    assert names_in(TEXT) == {
        "localhost": {4: ("127.0.0.1",)},
        "sbc.example": {4: ("192.0.2.1",)},
        "sbc": {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1",)},
        "link": {6: ("fe80::1%lo0",)},
    }


def test_a_change_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("192.0.2.1 a\n")
    hosts = HostsFile(path)
    assert hosts.find("a") == {4: ("192.0.2.1",)}
    path.write_text("192.0.2.2 a\n")
    os.utime(path, (1, 1))
    assert hosts.find("a") == {4: ("192.0.2.2",)}
    path.unlink()
    assert hosts.find("a") is None


def test_localhost_needs_no_file(tmp_path: Path) -> None:
    hosts = HostsFile(tmp_path / "missing")
    assert hosts.find("localhost") == hosts.find("sip.localhost") == {4: ("127.0.0.1",), 6: ("::1",)}
    assert hosts.find("nolocalhost") is None
