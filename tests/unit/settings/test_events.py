"""The table [events]."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from strowger.events.address_policy import AddressPolicy
from strowger.events.retry import NOT_RETRIED
from strowger.settings import Events, dev_settings
from strowger.settings.events import STATUSES


def test_nothing_private_by_default() -> None:
    assert Events().address_policy == AddressPolicy()
    assert Events().manual_validation == 600.0


def test_private_networks() -> None:
    row = Events(private_networks=("10.2.0.0/16", "fd12::/32"))
    assert row.address_policy == AddressPolicy(private_networks=(ip_network("10.2.0.0/16"), ip_network("fd12::/32")))


def test_everything_is_allowed_in_development() -> None:
    assert Events(private_targets="allow").address_policy == AddressPolicy(allows_all=True)
    assert dev_settings(Path("/tmp/dev"), "http://localhost:8080/").events.address_policy.allows_all


def test_statuses_after_which_an_event_is_given_up() -> None:
    assert frozenset(Events().not_retried) == NOT_RETRIED
    assert STATUSES.read([300, 599]) == (300, 599)
    assert STATUSES.read([]) == ()


@pytest.mark.parametrize("written", [[299], [600], ["400"], 400])
def test_what_is_no_such_status(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        STATUSES.read(written)
