"""Our registration at a carrier: made, renewed well before it ends, and taken back (RFC 3261 §10.2).

                    ┌──────────────── time to try ────────────────┐
                    │            (an hour after REFUSED)          │
                    ▼                                             │
   time   ┌─────────────┐ no answer, 5xx …  ┌─────────┐           │
   to try │ REGISTERING │ ────────────────▶ │ WAITING │ ──────────┤
   ─────▶ └─────────────┘                   └─────────┘           │
              │      │ wrong password, 403, 404  ┌─────────┐      │
        2xx   │      └─────────────────────────▶ │ REFUSED │ ─────┘
              ▼                                  └─────────┘
        ┌────────────┐  time to renew  ┌────────────┐ as above
        │ REGISTERED │ ──────────────▶ │ REFRESHING │ ─────────▶
        └────────────┘ ◀────────────── └────────────┘
                             2xx
   we stop: REMOVING, if anything may be registered; then ENDED

A challenge and a 423 are answered at once, from the same state. A wrong password is not tried again for an hour: the
carrier would lock the account.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from strowger.base.text import printable
from strowger.sip.authentication.client import DigestClient
from strowger.sip.authentication.errors import ChallengeUnanswerable
from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import decimal
from strowger.sip.message.message import Request, Response
from strowger.sip.message.uri import SipUri
from strowger.sip.registrar.equivalence import same_uri
from strowger.sip.trunk.retry_after import retry_after_of

FIRST_WAIT_S: Final = 30.0
LONGEST_WAIT_S: Final = 1_800.0
"""After n failures in a row between half and all of FIRST_WAIT_S · 2ⁿ, at most this (RFC 5626 §4.5)."""
REFUSED_WAIT_S: Final = 3_600.0
"""After a refusal that only somebody who changes the settings can mend."""
RETRY_AFTER_CEILING_S: Final = 3_600.0
"""The longest Retry-After that is believed: a typing error in a carrier must not stop us for a day."""
MIN_EXPIRES_CEILING_S: Final = 86_400
"""The longest registration that a 423 may make us ask for."""
REFRESH_MARGIN_S: Final = 600.0
"""A registration is renewed so long before it ends, or after half of its time, whichever is later."""

_LONGEST_S: Final = 2**31 - 1
_REASON: Final = 64
"""Characters of a reason phrase that are shown."""
_CHALLENGES: Final = frozenset((401, 407))
_REFUSALS: Final = frozenset((403, 404))
"""RFC 3261 §10.3 steps 4 and 5: not allowed to register this user; no such user."""
_TOO_BRIEF: Final = 423


class State(StrEnum):
    """How far a registration is."""

    WAITING = "waiting"
    """Not registered; tried again in a while."""
    REGISTERING = "registering"
    REGISTERED = "registered"
    REFRESHING = "refreshing"
    """Registered, and about to be so for longer."""
    REFUSED = "refused"
    """Tried again after a long while: the settings are wrong."""
    REMOVING = "removing"
    ENDED = "ended"


class Input(StrEnum):
    """What can happen to a registration, decoded."""

    DUE = "time is up"
    GRANTED = "2xx"
    CHALLENGED = "a challenge we can answer"
    TOO_BRIEF = "423 with a time we accept"
    FAILED = "another final response, or none"
    REFUSED = "the user or password is not accepted"
    STOP = "we stop, and nothing is registered"
    STOP_BOUND = "we stop, and something may be registered"


class SendRegister(NamedTuple):
    """Send a REGISTER; its outcome is reported with its number, which is its CSeq."""

    number: int
    expires_s: int
    """0 ends the registration."""
    credentials: tuple[tuple[str, str], ...]
    """Header names and values that answer challenges."""


class Registered(NamedTuple):
    """We are registered, and were not before."""

    expires_s: float


class NotRegistered(NamedTuple):
    """An attempt failed."""

    why: str
    retry_s: float


RegisteringOutput: TypeAlias = SendRegister | Registered | NotRegistered


class Registering:
    """One registration at one carrier. Seconds come in as `now`."""

    __slots__ = (
        "_asked_longer",
        "_client",
        "_credentials",
        "_due",
        "_expires_s",
        "_failures",
        "_first_number",
        "_granted_s",
        "_host",
        "_number",
        "_retry_s",
        "_spread",
        "expires_at",
        "state",
        "why",
    )

    def __init__(
        self, client: DigestClient, host: str, expires_s: float, now: float, spread: Callable[[], float]
    ) -> None:
        """`host` is the carrier's, by whose name challenges are believed; `spread` gives numbers from 0 to 1. The first
        REGISTER is due at once.
        """
        self.state = State.WAITING
        self.why = "not tried yet"
        """What was heard last, in words."""
        self.expires_at: float | None = None
        """When the registration ends that was granted last."""
        self._client = client
        self._host = host
        self._expires_s = round(expires_s)
        self._spread = spread
        self._due: float | None = now
        self._number = self._first_number = 0
        self._failures = 0
        self._granted_s = self._retry_s = 0.0
        self._credentials: dict[str, str] = {}
        self._asked_longer = False

    @property
    def is_over(self) -> bool:
        """Whether nothing is registered any more and nothing will be."""
        return self.state is State.ENDED

    def is_registered(self, now: float) -> bool:
        """Whether what was granted last has not ended."""
        return self.expires_at is not None and now < self.expires_at

    # What is heard ---------------------------------------------------------------------------------------------------

    def answered(self, number: int, request: Request, response: Response, now: float) -> list[RegisteringOutput]:
        """A REGISTER, which was this request, got a final response. One to an earlier one is nothing new."""
        if number != self._number or self.state not in _UNDER_WAY:
            return []
        status = response.status
        said = f"it answered {status} {printable(response.reason, _REASON)}".rstrip()
        if 200 <= status < 300:
            return self._granted(request, response, now)
        if status in _CHALLENGES:
            return self._challenged(request, response, now)
        if status == _TOO_BRIEF and self._may_ask_longer(response):
            return self._handle(Input.TOO_BRIEF, now)
        self.why = said
        if status in _REFUSALS:
            self._retry_s = self._wait_s(response, REFUSED_WAIT_S)
            return self._handle(Input.REFUSED, now)
        return self._failed(response, now)

    def failed(self, number: int, why: str, now: float) -> list[RegisteringOutput]:
        """A REGISTER could not be sent, or its transaction ended in silence."""
        if number != self._number or self.state not in _UNDER_WAY:
            return []
        self.why = why
        return self._failed(None, now)

    # Time ------------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `advance` has something to do."""
        return self._due

    def advance(self, now: float) -> list[RegisteringOutput]:
        """Do what is due."""
        if self._due is None or now < self._due:
            return []
        return self._handle(Input.DUE, now)

    def stop(self, now: float) -> list[RegisteringOutput]:
        """Take the registration back, if there may be one. Harmless to repeat."""
        if self.state in (State.REMOVING, State.ENDED):
            return []
        is_bound = self.state in _UNDER_WAY or self.is_registered(now)
        return self._handle(Input.STOP_BOUND if is_bound else Input.STOP, now)

    # Decoding --------------------------------------------------------------------------------------------------------

    def _granted(self, request: Request, response: Response, now: float) -> list[RegisteringOutput]:
        asked_s = 0 if self.state is State.REMOVING else self._expires_s
        self._granted_s = granted_s(request, response, asked_s)
        if asked_s and not self._granted_s:
            self.why = f"it answered {response.status}, but registered us for no time at all"
            return self._failed(response, now)
        self.why = f"it registered us for {self._granted_s:g} s"
        return self._handle(Input.GRANTED, now)

    def _challenged(self, request: Request, response: Response, now: float) -> list[RegisteringOutput]:
        try:
            answered = self._number - self._first_number
            name, value = self._client.answer(request, response, self._host, answered=answered)
        except ChallengeUnanswerable as error:
            self.why = str(error)
            self._retry_s = REFUSED_WAIT_S
            return self._handle(Input.REFUSED, now)
        self._credentials[name] = value
        return self._handle(Input.CHALLENGED, now)

    def _may_ask_longer(self, response: Response) -> bool:
        """Take up the time that a 423 asks for, once for each attempt (RFC 3261 §10.2.8)."""
        least = decimal((response.first("Min-Expires") or "").strip(), _LONGEST_S)
        if self._asked_longer or self.state is State.REMOVING:  # a removal asks for no time at all
            return False
        if least is None or not self._expires_s < least <= MIN_EXPIRES_CEILING_S:
            return False
        self._asked_longer, self._expires_s = True, least
        return True

    def _failed(self, response: Response | None, now: float) -> list[RegisteringOutput]:
        self._failures += 1
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, _DOUBLINGS))
        self._retry_s = self._wait_s(response, wait_s * (1 - self._spread() / 2))
        return self._handle(Input.FAILED, now)

    @staticmethod
    def _wait_s(response: Response | None, usual_s: float) -> float:
        asked_s = retry_after_of(response) if response is not None else None
        return min(asked_s, RETRY_AFTER_CEILING_S) if asked_s else usual_s

    def _handle(self, what: Input, now: float) -> list[RegisteringOutput]:
        before = self.state
        self.state, action = TABLE[before, what]
        self._due = None
        outputs = action(self, now)
        if self.state is State.REGISTERED and before is State.REGISTERING:
            outputs.append(Registered(self._granted_s))
        return outputs

    # Actions ---------------------------------------------------------------------------------------------------------

    def begin(self, now: float) -> list[RegisteringOutput]:
        """A new attempt: nothing that was answered before counts."""
        self._credentials.clear()
        self._asked_longer = False
        self._first_number = self._number + 1
        return self.send(now)

    def send(self, now: float) -> list[RegisteringOutput]:
        """The next REGISTER of this attempt."""
        self._number += 1
        expires_s = 0 if self.state is State.REMOVING else self._expires_s
        return [SendRegister(self._number, expires_s, tuple(self._credentials.items()))]

    def ask_longer(self, now: float) -> list[RegisteringOutput]:
        """The same for longer; without credentials, which were good for one request."""
        self._credentials.clear()
        return self.send(now)

    def hold(self, now: float) -> list[RegisteringOutput]:
        """Registered: renew it well before it ends."""
        self._failures = 0
        self.expires_at = now + self._granted_s
        after_s = max(self._granted_s / 2, self._granted_s - REFRESH_MARGIN_S)
        self._due = now + after_s * (1 - self._spread() / 10)
        return []

    def rest(self, now: float) -> list[RegisteringOutput]:
        """Try again later."""
        self._due = now + self._retry_s
        return [NotRegistered(self.why, self._retry_s)]

    def end(self, now: float) -> list[RegisteringOutput]:
        """Nothing more is done, whatever it answered: what is left there ends by itself."""
        self.expires_at = None
        return []


def granted_s(request: Request, response: Response, asked_s: int) -> int:
    """For how long a 2xx registers the Contact of its REGISTER, never longer than was asked (RFC 3261 §10.2.4).

    The bindings of others may be listed too. A registrar that writes the only binding in another way means it as ours.
    """
    ours = SipUri.parse(Address.parse(request.first("Contact") or "").uri)
    listed = [each for value in response.values("Contact") if (each := _binding(value)) is not None]
    own = [expires for uri, expires in listed if same_uri(uri, ours)] or [expires for _, expires in listed]
    written = own[0] if len(own) == 1 else None
    seconds = decimal((written or response.first("Expires") or "").strip(), _LONGEST_S)
    return asked_s if seconds is None else min(seconds, asked_s)


def _binding(value: str) -> tuple[SipUri, str | None] | None:
    try:
        address = Address.parse(value)
        return SipUri.parse(address.uri), address.params.get("expires")
    except ParseError:  # a binding of somebody else, in words that are none of ours
        return None


_DOUBLINGS: Final = 6
"""After so many failures the wait has reached its longest."""
_UNDER_WAY: Final = frozenset((State.REGISTERING, State.REFRESHING, State.REMOVING))

Action: TypeAlias = Callable[[Registering, float], list[RegisteringOutput]]

TABLE: Final[dict[tuple[State, Input], tuple[State, Action]]] = {
    (State.WAITING, Input.DUE): (State.REGISTERING, Registering.begin),
    (State.WAITING, Input.STOP): (State.ENDED, Registering.end),
    (State.WAITING, Input.STOP_BOUND): (State.REMOVING, Registering.begin),  # a renewal failed; the rest of it is left
    (State.REGISTERING, Input.GRANTED): (State.REGISTERED, Registering.hold),
    (State.REGISTERING, Input.CHALLENGED): (State.REGISTERING, Registering.send),
    (State.REGISTERING, Input.TOO_BRIEF): (State.REGISTERING, Registering.ask_longer),
    (State.REGISTERING, Input.FAILED): (State.WAITING, Registering.rest),
    (State.REGISTERING, Input.REFUSED): (State.REFUSED, Registering.rest),
    (State.REGISTERING, Input.STOP_BOUND): (State.REMOVING, Registering.begin),
    (State.REGISTERED, Input.DUE): (State.REFRESHING, Registering.begin),
    (State.REGISTERED, Input.STOP): (State.ENDED, Registering.end),  # it ended before its renewal was due
    (State.REGISTERED, Input.STOP_BOUND): (State.REMOVING, Registering.begin),
    (State.REFRESHING, Input.GRANTED): (State.REGISTERED, Registering.hold),
    (State.REFRESHING, Input.CHALLENGED): (State.REFRESHING, Registering.send),
    (State.REFRESHING, Input.TOO_BRIEF): (State.REFRESHING, Registering.ask_longer),
    (State.REFRESHING, Input.FAILED): (State.WAITING, Registering.rest),
    (State.REFRESHING, Input.REFUSED): (State.REFUSED, Registering.rest),
    (State.REFRESHING, Input.STOP_BOUND): (State.REMOVING, Registering.begin),
    (State.REFUSED, Input.DUE): (State.REGISTERING, Registering.begin),
    (State.REFUSED, Input.STOP): (State.ENDED, Registering.end),
    (State.REFUSED, Input.STOP_BOUND): (State.REMOVING, Registering.begin),
    (State.REMOVING, Input.GRANTED): (State.ENDED, Registering.end),
    (State.REMOVING, Input.CHALLENGED): (State.REMOVING, Registering.send),
    (State.REMOVING, Input.FAILED): (State.ENDED, Registering.end),
    (State.REMOVING, Input.REFUSED): (State.ENDED, Registering.end),
}

_ANSWERS: Final = (Input.GRANTED, Input.CHALLENGED, Input.TOO_BRIEF, Input.FAILED, Input.REFUSED)

IMPOSSIBLE: Final[frozenset[tuple[State, Input]]] = frozenset(
    {(state, Input.DUE) for state in (*_UNDER_WAY, State.ENDED)}
    | {(state, what) for state in State if state not in _UNDER_WAY for what in _ANSWERS}
    | {(state, Input.STOP) for state in _UNDER_WAY}
    | {(State.REMOVING, Input.TOO_BRIEF), (State.REMOVING, Input.STOP_BOUND)}
    | {(State.ENDED, Input.STOP), (State.ENDED, Input.STOP_BOUND)}
)
"""Nothing is due while an answer is awaited, no answer comes to what is not under way, whatever is under way may have
registered us, and what is being stopped is not stopped again.
"""
