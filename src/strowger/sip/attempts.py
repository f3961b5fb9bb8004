"""One branch and its INVITE: how it is written, how long it is waited for, and what is learnt from its outcome."""

from __future__ import annotations

from copy import copy
from typing import Final

from strowger.sip import failover
from strowger.sip.leg import Attempt, Fork, Leg
from strowger.sip.message.build import cancel_for
from strowger.sip.message.message import Request, Response
from strowger.sip.network import Location
from strowger.sip.outgoing import Outgoing, Trunks
from strowger.sip.places import Places
from strowger.sip.proxy.response_context import CHALLENGES
from strowger.sip.record_route import host_of
from strowger.sip.trunk.retry_after import retry_after_of

_UNAVAILABLE = 503
COMPLETED_ELSEWHERE: Final = 'SIP;cause=200;text="Call completed elsewhere"'
"""Reason of the CANCEL that a phone gets when another one answered (RFC 3326): no missed call."""


class Attempts:
    """What is done about single attempts, whatever fork they belong to."""

    __slots__ = ("_location", "_outgoing", "_places", "_trunks", "_udp_request_bytes")

    def __init__(
        self, outgoing: Outgoing, places: Places, trunks: Trunks, location: Location, udp_request_bytes: int
    ) -> None:
        self._outgoing = outgoing
        self._places = places
        self._trunks = trunks
        self._location = location
        self._udp_request_bytes = udp_request_bytes

    def invite(self, leg: Leg, fork: Fork, attempt: Attempt) -> Request:
        """The INVITE, by a way that is wide enough for it (RFC 3261 §18.1.1). Raises SipError."""
        invite, flow = self._outgoing.invite(leg, fork, attempt), attempt.flow
        if attempt.detours:
            return invite
        if flow is not None and flow.transport == "UDP" and len(invite.to_bytes()) > self._udp_request_bytes:
            self._places.longer(attempt)
        return invite if attempt.flow == flow else self._outgoing.invite(leg, fork, attempt)

    def as_sent(self, leg: Leg, fork: Fork, attempt: Attempt) -> Request:
        """The INVITE that is under way, for what has to fit it."""
        return self._outgoing.invite(leg, fork, attempt)

    def cancels(self, leg: Leg, fork: Fork, attempt: Attempt) -> list[Request]:
        """The CANCEL of the INVITE that is under way; after a restart that may be the first, or the one that answered a
        challenge, and the trunk knows only the right one (RFC 3261 §9.1). Says so when another phone has answered.
        """
        under_way = [attempt]
        if attempt.is_adopted and self.can_answer(attempt):
            under_way.append(copy(attempt))
            under_way[1].challenges += 1
        cancels = [cancel_for(self.as_sent(leg, fork, each)) for each in under_way]
        if leg.is_answered or leg.is_answer_owed:
            for cancel in cancels:
                cancel.append("Reason", COMPLETED_ELSEWHERE)
        return cancels

    def patient_until(self, fork: Fork, attempt: Attempt, now: float) -> float | None:
        """When the next place is tried, if nothing comes back; None to wait for as long as the transaction does.

        After a restart a trunk that has challenged may ring, and absorb the first INVITE, which it gets again, in
        silence (RFC 3261 §17.2.1, Confirmed).
        """
        if not failover.has_next(fork, attempt) or (attempt.is_adopted and self.can_answer(attempt)):
            return None
        return now + self.patience_s(attempt)

    def patience_s(self, attempt: Attempt) -> float:
        """Seconds until the next place is tried, if nothing comes back."""
        trunk = self._trunks.trunk(attempt.branch.trunk) if attempt.branch.trunk else None
        return trunk.patience_s if trunk is not None else failover.PATIENCE_S

    def can_answer(self, attempt: Attempt) -> bool:
        """Whether we have credentials there; otherwise a challenge is the caller's to answer."""
        return bool(attempt.branch.trunk) and self._trunks.account(attempt.branch.trunk) is not None

    def answer(self, leg: Leg, fork: Fork, attempt: Attempt, challenge: Response) -> None:
        """Take the answer to a challenge into the attempt. Raises ChallengeUnanswerable, SipError."""
        account = self._trunks.account(attempt.branch.trunk)
        assert account is not None, "only what can be answered is"
        sent, host = self._outgoing.invite(leg, fork, attempt), host_of(attempt.branch.uri)
        attempt.credentials = account.answer(sent, challenge, host, answered=attempt.challenges)
        attempt.challenges += 1

    def note(self, attempt: Attempt, response: Response) -> None:
        """What a response says of the way it came."""
        retry_after_s = retry_after_of(response) if response.status == _UNAVAILABLE else None
        if response.status > 100 and response.status not in CHALLENGES and attempt.branch.trunk:
            self._trunks.heard(attempt.branch.trunk, response.status, retry_after_s)
        if response.status == _UNAVAILABLE and attempt.place is not None:
            self._location.avoid(attempt.place, retry_after_s)

    def failed(self, attempt: Attempt, why: str) -> None:
        """The same of a way by which nothing came."""
        if attempt.branch.trunk:
            self._trunks.failed(attempt.branch.trunk, why)
        if attempt.place is not None:
            self._location.avoid(attempt.place)
