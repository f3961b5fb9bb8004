"""What is known of one call: plain data that the machine changes and the store keeps.

A call is one caller's INVITE from arrival until its final response is delivered; a hop is one addressee of it. Times
are wall-clock seconds since 1970, because a monotonic clock does not survive a restart; running deadlines are kept
monotonic by the exchange.
"""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Final

import msgspec

from strowger.calls.identifier import Identifier


class State(StrEnum):
    """Where a call stands. The last six are final."""

    ARRIVED = "arrived"
    """The INVITE is here and nothing is committed yet."""
    HELD = "held"
    """Announced; nobody is being rung; the application decides."""
    RINGING = "ringing"
    """At least one branch of the current hop is being rung."""
    ANSWERED = "answered"
    SENT_BACK = "sent back"
    """The caller was told to call the target itself (RFC 3261 §8.3)."""
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


FINAL_STATES: Final = frozenset(
    (State.ANSWERED, State.SENT_BACK, State.REJECTED, State.CANCELLED, State.EXPIRED, State.FAILED)
)


class Branch(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One INVITE of a hop: whom it is for and which way it takes (RFC 3261 §16.6)."""

    uri: str
    """The Request-URI."""
    trunk: str = ""
    """The trunk it takes; empty for a user's own contact."""
    destination: str = ""
    """Where it is sent when its URI leads to several places and this is not the first; see `sip.location.resolve`."""
    replaces: int = -1
    """The branch that led nowhere and in whose place this one is rung; -1 for one that rings beside the others."""
    rung_at: float = 0.0
    """Wall clock, seconds; 0 for one that was rung when its hop was opened."""
    because: str = ""
    """Why the branch that it replaces led nowhere, in words; what a peer says is in them made printable."""


class Hop(msgspec.Struct, omit_defaults=True):
    """One addressee of a call, from the moment it is chosen until it takes its one decision."""

    to: Identifier
    opened_at: float
    expires_at: float
    event_id: str = ""
    """The IncomingCall event of this hop; empty when none was raised."""
    ring: tuple[str, ...] = ()
    """The SIP URIs rung at once when the hop was opened."""
    via: str = ""
    """The trunk they belong to; empty for a user's own contacts."""
    closed_at: float = 0.0
    decision: str = ""
    """What closed the hop, in words: `redirect to …`, `reject busy`, `caller hung up`…"""
    reserve: tuple[Branch, ...] = ()
    """Further trunks, to be tried one after the other while nobody has heard of the call there."""
    joined: tuple[Branch, ...] = ()
    """Branches rung since the hop was opened: a phone that registered meanwhile, or the next place to try."""

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Every branch rung so far; its position is its number."""
        return (*(Branch(uri, self.via) for uri in self.ring), *self.joined)


class Call(msgspec.Struct, omit_defaults=True):
    """One call and its chain of hops."""

    call_id: str
    """A GUID; the correlation id on the wire."""
    resource: str
    """Name of the resource that owns the dialled number or user."""
    caller: Identifier
    display_name: str
    created_at: float
    hops: list[Hop]
    state: State = State.ARRIVED
    ended_at: float = 0.0
    final_status: int = 0
    """The SIP status the caller got; 0 while the call lives."""
    why: str = ""
    """One sentence for a person: why the call ended as it did."""
    custom_headers: dict[str, str] = {}
    """The caller's own headers that its events show."""
    came_by: str = ""
    """Name of the trunk the call came by; empty for any other source."""
    headers_left_out: tuple[str, ...] = ()
    """What of these headers the events do not show, and why: a few words each, for a person."""

    @property
    def hop(self) -> Hop:
        """The current hop."""
        return self.hops[-1]

    @property
    def hop_index(self) -> int:
        """The current hop's position, from 0."""
        return len(self.hops) - 1

    @property
    def is_over(self) -> bool:
        """Whether the caller's final response is decided."""
        return self.state in FINAL_STATES

    @property
    def server_call_id(self) -> str:
        """The opaque serverCallId: base64 of a conversation URL, as ACS writes it."""
        return base64.b64encode(f"https://strowger.invalid/conv/{self.call_id}".encode()).decode()
