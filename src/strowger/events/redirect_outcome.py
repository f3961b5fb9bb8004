"""The events of our own that tell what became of a redirect: Strowger.Redirect.Ringing, Answered, Failed, Cancelled.

ACS has none of these, and its SDKs do not know them: they go to subscriptions with `channel = "outcomes"` alone
(docs/decisions/0016-outcome-channel.md). Members are never null: what is not known is not there.
"""

from __future__ import annotations

from typing import Final

import msgspec

from strowger.base.text import printable
from strowger.calls.call import Branch, Call, Hop
from strowger.calls.reports import RedirectOutcome, Result
from strowger.events.envelope import Event, envelope
from strowger.events.identifiers import CommunicationIdentifierModel, to_wire
from strowger.events.schema import event_time

TYPES: Final = {result: f"Strowger.Redirect.{result}" for result in Result}
WHY_CHARACTERS: Final = 1_000
"""What an event has of a sentence that may have words of strangers in it."""


class BranchMembers(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One INVITE that was sent, or was to be sent. Times in ISO 8601."""

    number: int
    """Its place in its hop, from 0."""
    hop_index: int
    target: CommunicationIdentifierModel
    """For whom it rings."""
    uri: str
    rung_at: str
    trunk: str = ""
    rang_at: str = ""
    ended_at: str = ""
    sip_code: int = 0
    """Its final response; 408 and 503 also stand for silence, and for what could not be sent (RFC 3261 §16.9)."""
    reason_phrase: str = ""
    q850_cause: int = 0
    replaces: int = -1
    """The number of the branch that led nowhere before it."""
    because: str = ""
    """Why that one led nowhere."""


class WhoMembers(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Who rings, or answered."""

    target: CommunicationIdentifierModel
    uri: str
    trunk: str = ""


class OutcomeMembers(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The `data` of an outcome."""

    call_id: str
    correlation_id: str
    """That of every event of the call."""
    server_call_id: str
    hop_index: int
    """The hop that the redirect opened; the first of a call is 0."""
    opening: str
    """Who redirected: `redirect` for an application, `default` for the settings."""
    caller: CommunicationIdentifierModel = msgspec.field(name="from")
    target: CommunicationIdentifierModel
    """Whom the call was redirected to."""
    redirected_at: str
    sip_code: int = 0
    """What the caller was told, or would have been."""
    reason_phrase: str = ""
    q850_cause: int = 0
    why: str = ""
    ringing: WhoMembers | None = None
    answered_by: WhoMembers | None = None
    branches: tuple[BranchMembers, ...] = ()
    branches_left_out: int = 0
    """How many are not here because the event would be too long with them: the first ones."""


def outcome_event(outcome: RedirectOutcome, event_id: str, topic: str, branches_left_out: int = 0) -> Event:
    """The event of an outcome, without the branches that are to be left out."""
    call, hop = outcome.call, outcome.call.hops[outcome.hop_index]
    rung = _branches(call, outcome.hop_index, outcome.last)
    who = _who(call.hops[outcome.last], outcome.branch)
    members = OutcomeMembers(
        call_id=call.call_id,
        correlation_id=call.call_id,
        server_call_id=call.server_call_id,
        hop_index=outcome.hop_index,
        opening=hop.opening.value,
        caller=to_wire(call.caller),
        target=to_wire(hop.to),
        redirected_at=event_time(hop.opened_at),
        sip_code=outcome.status,
        reason_phrase=printable(outcome.reason),
        q850_cause=outcome.cause,
        why=printable(outcome.why, WHY_CHARACTERS),
        ringing=who if outcome.result is Result.RINGING else None,
        answered_by=who if outcome.result is Result.ANSWERED else None,
        branches=tuple(rung[branches_left_out:]),
        branches_left_out=branches_left_out,
    )
    subject = f"call/{call.server_call_id}/redirect/{outcome.hop_index}/target/{hop.to.raw_id}"
    return envelope(event_id, topic, subject, TYPES[outcome.result], outcome.at, members)


def branches_of(outcome: RedirectOutcome) -> int:
    """How many branches there are to tell of."""
    return sum(len(hop.branches) for hop in outcome.call.hops[outcome.hop_index : outcome.last + 1])


def _branches(call: Call, first: int, last: int) -> list[BranchMembers]:
    return [
        _branch(call.hops[index], index, number, branch)
        for index in range(first, last + 1)
        for number, branch in enumerate(call.hops[index].branches)
    ]


def _branch(hop: Hop, hop_index: int, number: int, branch: Branch) -> BranchMembers:
    report = hop.report_of(number)
    return BranchMembers(
        number=number,
        hop_index=hop_index,
        target=to_wire(hop.rung_for(number)),
        uri=branch.uri,
        rung_at=event_time(branch.rung_at or hop.opened_at),
        trunk=branch.trunk,
        rang_at=event_time(report.rang_at) if report.rang_at else "",
        ended_at=event_time(report.ended_at) if report.ended_at else "",
        sip_code=report.status,
        reason_phrase=report.reason,
        q850_cause=report.cause,
        replaces=branch.replaces,
        because=branch.because,
    )


def _who(hop: Hop, number: int) -> WhoMembers | None:
    branches = hop.branches
    if not 0 <= number < len(branches):
        return None
    return WhoMembers(to_wire(hop.rung_for(number)), branches[number].uri, branches[number].trunk)
