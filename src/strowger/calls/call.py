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

from strowger.calls.identifier import Identifier, Kind, from_raw_id


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


_REFUSALS: Final = 300
"""Final responses from here on are no answer (RFC 3261 §7.2)."""
OF_THE_WAY: Final = frozenset((408, 500, 502, 503, 504))
"""Final responses that speak of the way to a target and not of whoever is there."""


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
    member: str = ""
    """Raw id of the member of a group that it is rung for; empty where the addressee itself is rung."""


class GroupStep(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Who of a group is rung in one hop: all of it, or one member of a hunt."""

    branches: tuple[Branch, ...] = ()
    """Rung at once."""
    users: tuple[str, ...] = ()
    """Raw ids, in lower case, of the members among them that are users, whether they have phones just now or not."""
    left_out: tuple[str, ...] = ()
    """Members that are not rung, each with the reason, for a person."""
    position: int = 0
    """In a hunt the place of the member that rings now, from 1; 0 where all ring together."""
    members: int = 0
    """How many members the group has."""
    until: float = 0.0
    """When the last step of the hunt ends at the latest; wall clock, seconds."""
    global_failures: tuple[int, ...] | None = None
    """The final responses of one member that speak for all; None for every 6xx (RFC 3261 §16.7 step 5)."""


class Opening(StrEnum):
    """How a hop was opened."""

    ARRIVAL = ""
    """The call came for this addressee."""
    REDIRECT = "redirect"
    """An application redirected the call."""
    DEFAULT = "default"
    """The application was silent, and the settings say what holds then."""
    HUNT = "hunt"
    """The next step of one addressee's ring plan: its event and its context are those of the hop before."""
    RETURNED = "returned"
    """The hop before led nowhere, and the call is held for its application again."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How a hop ended that nobody answered."""

    target: str
    """Raw id of its addressee."""
    status: int
    """The SIP status that the caller would get."""
    reason: str
    """Its reason phrase; may be empty."""
    why: str
    """A sentence for a person."""
    cause: int = 0
    """The cause of ITU-T Q.850 that the target gave; 0 for none."""


class BranchReport(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What came of one branch, as far as it is known. Times: wall clock, seconds; 0 while it has not happened."""

    number: int
    """The branch's place among those of its hop."""
    rang_at: float = 0.0
    ended_at: float = 0.0
    status: int = 0
    """Its final SIP status, or the one that stands for its silence; 0 while it has none."""
    reason: str = ""
    """The reason phrase of the final response, made printable; for silence our own words."""
    cause: int = 0
    """The Q.850 cause in the final response (RFC 3326); 0 for none."""


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
    """Further trunks, to be tried one after the other while nobody has heard of the call there. One that `replaces` a
    branch is for what that branch was rung for, and no other.
    """
    joined: tuple[Branch, ...] = ()
    """Branches rung since the hop was opened: a phone that registered meanwhile, or the next place to try."""
    opening: Opening = Opening.ARRIVAL
    failure: Failure | None = None
    """How the hop before ended, of one that was returned; of a hunt the best of what it has come to until now."""
    branch_reports: tuple[BranchReport, ...] = ()
    """What came of the branches, in their order; written along with the next change of the call."""
    group: GroupStep | None = None
    """Whom of a group it rings, where the addressee is one."""

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Every branch rung so far; its position is its number."""
        members = self.group.branches if self.group is not None else ()
        return (*(Branch(uri, self.via) for uri in self.ring), *members, *self.joined)

    @property
    def users(self) -> tuple[str, ...]:
        """Raw ids of the users whose phones it rings, in lower case; one that registers meanwhile is rung too."""
        if self.group is not None:
            return self.group.users
        return (self.to.raw_id.lower(),) if self.to.kind is Kind.COMMUNICATION_USER else ()

    @property
    def trunks(self) -> tuple[str, ...]:
        """The trunks that it rings through now, each once; not those that led nowhere."""
        branches = self.branches
        replaced = {branch.replaces for branch in branches}
        last = (branch.trunk for number, branch in enumerate(branches) if branch.trunk and number not in replaced)
        return tuple(dict.fromkeys(last))

    @property
    def open_until(self) -> float:
        """When nobody can decide about the addressee any more, as far as anybody knows; wall clock, seconds."""
        return max(self.expires_at, self.group.until if self.group is not None else 0.0)

    @property
    def refused(self) -> dict[int, int]:
        """The final status of each branch, by its number, whose target knows of the call and refused it."""
        ended = (each for each in self.branch_reports if each.ended_at and each.status >= _REFUSALS)
        return {each.number: each.status for each in ended if each.status not in OF_THE_WAY}

    @property
    def rings_on(self) -> bool:
        """Whether any branch has not ended, as far as is known."""
        over = {each.number for each in self.branch_reports if each.ended_at}
        over |= {branch.replaces for branch in self.branches}
        return any(number not in over for number in range(len(self.branches)))

    def report_of(self, number: int) -> BranchReport:
        """What came of a branch; of one of which nothing is known, that."""
        return next((each for each in self.branch_reports if each.number == number), BranchReport(number))

    def rung_for(self, number: int) -> Identifier:
        """For whom a branch is rung: a member of a group, else the addressee; also the addressee for -1."""
        member = self.branches[number].member if 0 <= number < len(self.branches) else ""
        return from_raw_id(member) if member else self.to

    def has_rung(self, uri: str, since: float) -> bool:
        """Whether a branch with this URI was rung at this time or later; wall clock, seconds."""
        return any(each.uri == uri and (each.rung_at or self.opened_at) >= since for each in self.branches)

    @property
    def answered_branch(self) -> int:
        """The branch whose 2xx came first; -1 when none has answered."""
        answers = [each for each in self.branch_reports if 200 <= each.status < 300]
        return min(answers, key=lambda each: each.ended_at).number if answers else -1

    @property
    def answered_by(self) -> Identifier:
        """Who answered, as far as is known."""
        return self.rung_for(self.answered_branch)


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
    def redirects(self) -> int:
        """How often the call was redirected; neither a hunt nor a return to the application is a redirect."""
        return sum(hop.opening not in (Opening.HUNT, Opening.RETURNED) for hop in self.hops[1:])

    def is_open(self, hop_index: int) -> bool:
        """Whether a decision about this hop is about the current one: it is the same, or the hunt of its addressee
        went on since.
        """
        later = self.hops[hop_index + 1 :]
        return 0 <= hop_index < len(self.hops) and all(hop.opening is Opening.HUNT for hop in later)

    @property
    def is_over(self) -> bool:
        """Whether the caller's final response is decided."""
        return self.state in FINAL_STATES

    @property
    def server_call_id(self) -> str:
        """The opaque serverCallId: base64 of a conversation URL, as ACS writes it."""
        return base64.b64encode(f"https://strowger.invalid/conv/{self.call_id}".encode()).decode()
