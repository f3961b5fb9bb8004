"""The table [events]."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

from strowger.events.address_policy import AddressPolicy
from strowger.settings import Events, dev_settings


def test_nothing_private_by_default() -> None:
    assert Events().address_policy == AddressPolicy()
    assert Events().manual_validation == 600.0


def test_private_networks() -> None:
    row = Events(private_networks=("10.2.0.0/16", "fd12::/32"))
    assert row.address_policy == AddressPolicy(private_networks=(ip_network("10.2.0.0/16"), ip_network("fd12::/32")))


def test_everything_is_allowed_in_development() -> None:
    assert Events(private_targets="allow").address_policy == AddressPolicy(allows_all=True)
    assert dev_settings(Path("/tmp/dev"), "http://localhost:8080/").events.address_policy.allows_all
