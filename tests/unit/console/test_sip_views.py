"""The shapes of the SIP side in the admin API."""

from __future__ import annotations

import msgspec
import pytest

from strowger.console.sip_views import RegistrationsView, RouteTestView, TrunksView
from tests.support.console import a_phone, a_route_test, a_trunk, a_way


def test_a_registration_member_by_member() -> None:
    assert msgspec.to_builtins(a_phone()) == {
        "user": "bob",
        "raw_id": "8:acs:res_bob",
        "contact": "sip:bob@127.0.0.1:5071",
        "expires_in_s": 3_540,
        "q": 1.0,
        "transport": "udp",
        "source": "127.0.0.1:5071",
        "is_bound_to_flow": False,
        "path": (),
        "user_agent": "",
        "instance": "",
        "updated_at": "2026-01-01T00:00:00.000Z",
    }


def test_a_trunk_member_by_member() -> None:
    assert msgspec.to_builtins(a_trunk()) == {
        "name": "carrier",
        "uri": "sip:sbc.test",
        "priority": 10,
        "weight": 1,
        "state": "up",
        "is_asked": True,
        "why": "it answered 200 to OPTIONS",
        "since": "2026-01-01T00:00:00.000Z",
        "held_for_s": 0,
        "registration": "",
        "registration_why": "",
        "registered_for_s": 0,
        "calls": 0,
    }


def test_a_route_test_member_by_member() -> None:
    assert msgspec.to_builtins(a_route_test()) == {
        "target": {"kind": "phoneNumber", "raw_id": "4:+31612345678"},
        "resource": "dev",
        "outcome": "outside",
        "says": "+31612345678 is outside.",
        "code": "",
        "is_announced": False,
        "ring": (),
        "routes": ({"kind": "phoneNumber", "match": "+316", "to": ("carrier",)},),
        "ways": (msgspec.to_builtins(a_way()),),
        "is_drawn": False,
        "members": (),
    }


@pytest.mark.parametrize(
    "shown",
    [
        RegistrationsView((a_phone(path=("<sip:a;lr>",)),), "note"),
        TrunksView((a_trunk(),)),
        a_route_test(ways=(a_way(forwarded_as=("diversion",)),), is_drawn=True),
    ],
)
def test_what_is_written_can_be_read(shown: RegistrationsView | TrunksView | RouteTestView) -> None:
    assert msgspec.json.decode(msgspec.json.encode(shown), type=type(shown)) == shown
