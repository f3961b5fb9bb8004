from __future__ import annotations

from strowger.events.event_types import EVENT_TYPES
from strowger.events.subscription import Channel


def test_no_type_goes_over_two_channels() -> None:
    acs, outcomes = EVENT_TYPES[Channel.ACS], EVENT_TYPES[Channel.OUTCOMES]
    assert set(EVENT_TYPES) == set(Channel)
    assert {name.rpartition(".")[0] for name in acs} == {"Microsoft.Communication"}
    assert outcomes == tuple(f"Strowger.Redirect.{name}" for name in ("Ringing", "Answered", "Failed", "Cancelled"))
