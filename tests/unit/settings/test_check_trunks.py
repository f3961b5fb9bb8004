"""Trunks that contradict themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strowger.settings import Settings, Trunk
from strowger.settings.check import check

CARRIER = Trunk(name="carrier", uri="sip:sbc.example")
GOOD = Settings(trunks=(CARRIER,))


def problems(settings: Settings) -> list[str]:
    return [str(each) for each in check(settings)]


@pytest.mark.parametrize(
    ("trunk", "expected"),
    [
        (
            replace(CARRIER, number_format="national"),
            '$.trunk[0].country_code: this is required beside number_format = "national" '
            "(give the digits of the country that it is at home in)",
        ),
        (
            replace(CARRIER, caller_id="trunk"),
            '$.trunk[0].number: this is required beside caller_id = "trunk" (give the number to show)',
        ),
        (
            replace(CARRIER, username="us"),
            "$.trunk[0].password: this is required beside username (give both, or neither)",
        ),
        (
            replace(CARRIER, password="secret", register="on"),
            "$.trunk[0].username: this is required beside password (give both, or neither)",
        ),
        (
            replace(CARRIER, peer_username="them"),
            "$.trunk[0].peer_password: this is required beside peer_username (give both, or neither)",
        ),
        (
            replace(CARRIER, peer_password="secret"),
            "$.trunk[0].peer_username: this is required beside peer_password (give both, or neither)",
        ),
        (
            replace(CARRIER, register="on"),
            '$.trunk[0].username: this is required beside register = "on" (give username and password)',
        ),
        (
            replace(CARRIER, realm="carrier"),
            "$.trunk[0].realm: there is no username that it is the realm of (leave it out)",
        ),
        (
            replace(CARRIER, options_interval=0.099),
            '$.trunk[0].options_interval: this is shorter than 100ms (the usual value is "15s")',
        ),
        (
            replace(CARRIER, register_expires=9.9),
            '$.trunk[0].register_expires: this is shorter than ten seconds (the usual value is "1h")',
        ),
        (
            replace(CARRIER, patience=32.1),
            "$.trunk[0].patience: this is never reached (after 32 s, 64 times sip.t1, SIP gives up by itself)",
        ),
    ],
)
def test_a_trunk_that_contradicts_itself(trunk: Trunk, expected: str) -> None:
    assert problems(replace(GOOD, trunks=(trunk,))) == [expected]


@pytest.mark.parametrize(
    "trunk",
    [
        replace(CARRIER, number_format="national", country_code="31"),
        replace(CARRIER, caller_id="trunk", number="+31201110001"),
        replace(CARRIER, username="us", password="secret", register="on", realm="carrier"),
        replace(CARRIER, peer_username="them", peer_password="secret"),
        replace(CARRIER, options_interval=0.1, register_expires=10.0, patience=32.0),
    ],
)
def test_a_trunk_that_does_not(trunk: Trunk) -> None:
    assert problems(replace(GOOD, trunks=(trunk,))) == []


def test_who_shortens_t1_need_not_write_down_the_patience_with_trunks() -> None:
    assert problems(replace(GOOD, trunks=(CARRIER,), sip=replace(GOOD.sip, t1=0.02))) == []
