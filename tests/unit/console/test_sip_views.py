"""The shapes of the SIP side in the admin API."""

from __future__ import annotations

import msgspec

from strowger.console.sip_views import RegistrationsView
from tests.support.console import a_phone


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


def test_what_is_written_can_be_read() -> None:
    shown = RegistrationsView((a_phone(path=("<sip:a;lr>",)),), "note")
    assert msgspec.json.decode(msgspec.json.encode(shown), type=RegistrationsView) == shown
