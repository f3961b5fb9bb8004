"""How we speak SIP when nobody has chosen anything."""

from __future__ import annotations

from strowger.sip.manners import Manners
from strowger.sip.message.limits import DEFAULT_LIMITS
from strowger.sip.outgoing import RecordRoute


def test_unless_chosen_otherwise_we_say_little_and_leave_answered_calls_alone() -> None:
    assert Manners() == Manners(
        record_route=RecordRoute.OFF,
        says_forwarded=False,
        udp_request_bytes=1_300,
        timer_c_s=185.0,
        message_limits=DEFAULT_LIMITS,
    )
