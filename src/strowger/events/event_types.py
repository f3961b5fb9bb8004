"""Every type of event that there is, by the channel it goes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from strowger.events import call_events, redirect_outcome
from strowger.events.schema import INCOMING_CALL
from strowger.events.subscription import Channel

EVENT_TYPES: Final[Mapping[Channel, tuple[str, ...]]] = {
    Channel.ACS: (INCOMING_CALL, *call_events.TYPES),
    Channel.OUTCOMES: tuple(redirect_outcome.TYPES.values()),
}
