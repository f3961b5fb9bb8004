"""The events of ACS about calls between two of its users: CallStarted, CallEnded and those of their participants.

Members are those of the published shape that we know the truth of (ACS: voice and video calling events). No call here
has a group or a room. Which of a participant's roles the service gives to a two-party call is not published, nor where
it begins: ours begin when they are answered. Unlike that of IncomingCall these subjects have no leading slash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from strowger.calls.call import Call
from strowger.calls.identifier import Identifier
from strowger.calls.reports import CallBegan, CallEnded
from strowger.events.envelope import Event, envelope
from strowger.events.identifiers import CommunicationIdentifierModel, to_wire

CALL_STARTED: Final = "Microsoft.Communication.CallStarted"
CALL_ENDED: Final = "Microsoft.Communication.CallEnded"
PARTICIPANT_ADDED: Final = "Microsoft.Communication.CallParticipantAdded"
PARTICIPANT_REMOVED: Final = "Microsoft.Communication.CallParticipantRemoved"
TYPES: Final = (CALL_STARTED, CALL_ENDED, PARTICIPANT_ADDED, PARTICIPANT_REMOVED)

ROLE: Final = "Attendee"
"""The least of the published roles."""
ENDED_BY: Final = "Participant"


class Participant(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One party of a call."""

    communication_identifier: CommunicationIdentifierModel
    role: str


class EndedBy(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Who hung up."""

    communication_identifier: CommunicationIdentifierModel
    kind: str = msgspec.field(name="type")
    name: str


class EndReason(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Why a call ended; both codes are 0 for one that was hung up."""

    code: int
    sub_code: int
    phrase: str


class CallMembers(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """What all these events have; the whole `data` of CallStarted."""

    started_by: Participant
    server_call_id: str
    is_two_party: bool = True
    correlation_id: str
    is_rooms_call: bool = False


class CallEndedMembers(CallMembers, frozen=True, gc=False, rename="camel", kw_only=True):
    """The `data` of CallEnded."""

    ended_by: EndedBy
    reason: EndReason
    call_duration_in_seconds: float


class ParticipantMembers(CallMembers, frozen=True, gc=False, rename="camel", kw_only=True):
    """The `data` of CallParticipantAdded and CallParticipantRemoved. What SDKs read without asking is never absent."""

    user: Participant
    display_name: str
    """Empty when unknown."""
    participant_id: str
    """A GUID, the same when the participant is removed."""
    user_agent: str = ""
    """Not known here."""


def began(report: CallBegan, new_id: Callable[[], str], topic: str) -> list[Event]:
    """The events of a call that was answered, in their order."""
    call = report.call
    subject = f"call/{call.server_call_id}/startedBy/{call.caller.raw_id}"
    started = envelope(new_id(), topic, subject, CALL_STARTED, report.at, CallMembers(**_common(call)))
    return [started, *_participants(call, PARTICIPANT_ADDED, report.at, new_id, topic)]


def ended(report: CallEnded, new_id: Callable[[], str], topic: str) -> list[Event]:
    """The events of a call that was hung up, in their order."""
    call = report.call
    who = call.caller if report.is_by_caller else call.hop.answered_by
    members = CallEndedMembers(
        **_common(call),
        ended_by=EndedBy(to_wire(who), ENDED_BY, _name(call, who)),
        reason=EndReason(0, 0, "The call was hung up."),
        call_duration_in_seconds=round(max(0.0, report.at - report.answered_at), 3),
    )
    over = envelope(new_id(), topic, f"call/{call.server_call_id}", CALL_ENDED, report.at, members)
    return [*_participants(call, PARTICIPANT_REMOVED, report.at, new_id, topic), over]


def _common(call: Call) -> dict[str, Any]:
    started_by = Participant(to_wire(call.caller), ROLE)
    return {"started_by": started_by, "server_call_id": call.server_call_id, "correlation_id": call.call_id}


def _participants(call: Call, event_type: str, at: float, new_id: Callable[[], str], topic: str) -> list[Event]:
    return [
        envelope(
            new_id(),
            topic,
            f"call/{call.server_call_id}/participant/{who.raw_id}",
            event_type,
            at,
            ParticipantMembers(
                **_common(call),
                user=Participant(to_wire(who), ROLE),
                display_name=_name(call, who),
                participant_id=str(uuid5(NAMESPACE_URL, f"{call.server_call_id}/{who.raw_id}")),
            ),
        )
        for who in (call.caller, call.hop.answered_by)
    ]


def _name(call: Call, who: Identifier) -> str:
    return call.display_name if who == call.caller else ""
