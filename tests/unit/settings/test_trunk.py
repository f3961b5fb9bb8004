"""The tables [[trunk]] and [[route]]."""

from __future__ import annotations

from typing import get_args, get_type_hints

from strowger.settings import Route, Trunk
from strowger.settings.trunk import ROUTE_KINDS


def test_the_defaults() -> None:
    row = Trunk(name="carrier", uri="sip:sbc.example")
    assert (row.from_, row.priority, row.weight) == ((), 10, 1)
    assert (row.number_format, row.country_code, row.national_prefix, row.international_prefix, row.prefix) == (
        "e164", "", "0", "00", "",
    )  # fmt: skip
    assert (row.caller_id, row.number, row.forwarded_as, row.trusted, row.mode) == ("pass", "", (), "off", "relay")
    assert (row.username, row.password, row.realm, row.peer_username, row.peer_password) == ("", "", "", "", "")
    assert (row.register, row.register_expires) == ("off", 3_600.0)
    assert (row.options, row.options_interval, row.patience) == ("on", 15.0, 4.0)


def test_the_kinds_of_a_route_are_those_that_are_typed() -> None:
    assert get_args(get_type_hints(Route)["kind"]) == ROUTE_KINDS
