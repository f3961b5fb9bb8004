"""The handshake with an endpoint, before which it is sent no event (Event Grid: webhook event delivery).

An endpoint consents by echoing our code in a 200, or later by opening the validation URL, which a person may do too.
One that takes CloudEvents consents by allowing our origin instead (CloudEvents: HTTP 1.1 Web Hooks §4)::

    PENDING ──due──▶ VALIDATING ──echoed──▶ VALID
       ▲                 │ │ │                ▲ confirmed, from any state but FAILED
       └────not yet──────┘ │ └─silent─▶ AWAITING_MANUAL ──due──▶ VALIDATING
                           │                  │ lapsed
                           └────given up──────┴────────▶ FAILED

Pure: the shell asks when `deadline` comes and reports what came back through `handle`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from strowger.events.errors import UnexpectedInput
from strowger.events.retry import Profile
from strowger.events.schema import validation_response


@dataclass(frozen=True, slots=True)
class HandshakePolicy:
    """One profile's figures, in seconds."""

    timeout_s: float
    """How long one attempt waits for its answer."""
    pauses_s: tuple[float, ...]
    """After each failed attempt."""
    for_ever: bool
    """Whether the last pause repeats without end; otherwise the subscription fails after it."""
    manual_s: float
    """How long to wait for the validation URL to be opened; then ask again, or fail."""


POLICIES: Final[dict[Profile, HandshakePolicy]] = {
    # A developer starts the application after us, or mends its handshake while we run: never make them wait for long.
    Profile.TELEPHONY: HandshakePolicy(10.0, (1.0, 2.0, 3.0, 4.0, 5.0), True, 5.0),
    # The time for the URL is the published one; older documents have five minutes.
    Profile.EVENT_GRID: HandshakePolicy(30.0, (5.0,), False, 600.0),
}


class State(StrEnum):
    """Where a handshake stands."""

    PENDING = "pending"
    """The next attempt has its time."""
    VALIDATING = "validating"
    """An attempt is in flight."""
    AWAITING_MANUAL = "awaiting manual action"
    """The endpoint answered, and neither consented nor refused."""
    VALID = "valid"
    FAILED = "failed"


class Input(Enum):
    """What can happen to a handshake."""

    DUE = "the time of the next attempt came"
    ECHOED = "the endpoint answered with our code, or allowed our origin"
    SILENT = "the endpoint answered well, without a code or without allowing anybody"
    NOT_YET = "an attempt failed and another will follow"
    GIVEN_UP = "the last attempt failed"
    CONFIRMED = "the validation URL was opened"
    LAPSED = "nobody opened the validation URL in time"


ADVICE: Final[dict[State, str]] = {
    State.PENDING: "start the application or correct the endpoint; it is asked again by itself and events wait for it",
    State.VALIDATING: "wait for the endpoint's answer",
    State.AWAITING_MANUAL: "let the application answer with the code as validationResponse, or with "
    "WebHook-Allowed-Origin to OPTIONS if it takes CloudEvents, or open the validation URL",
    State.VALID: "nothing to do",
    State.FAILED: "correct the endpoint, then strowger subscription validate; its events are not kept",
}
"""What a person can do about a state."""


class Handshake:
    """One subscription's handshake."""

    __slots__ = ("allowed_rate", "attempts", "code", "deadline", "detail", "policy", "state")

    def __init__(self, policy: HandshakePolicy, code: str, now: float) -> None:
        self.policy = policy
        self.code = code
        """The validation code: whoever knows it may confirm the subscription."""
        self.state = State.PENDING
        self.deadline: float | None = now
        """When `advance` has something to do; monotonic, seconds."""
        self.allowed_rate = 0
        """Requests a minute that the endpoint allows, with its consent; 0 for no limit."""
        self.attempts = 0
        """Attempts started."""
        self.detail = ""
        """What came of the last attempt, in words."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will be asked."""
        return self.state in (State.VALID, State.FAILED)

    def handle(self, what: Input, now: float, detail: str = "") -> None:
        """Take one input. Raises `UnexpectedInput` for a pair that cannot happen."""
        row = TABLE.get((self.state, what))
        if row is None:
            raise UnexpectedInput(self.state, what)
        self.state, action = row
        if detail and action is not ignore:
            self.detail = detail
        action(self, now)

    def advance(self, now: float) -> bool:
        """Act on a deadline that has come; whether an attempt starts now."""
        if self.deadline is None or self.deadline > now:
            return False
        if self.state is State.AWAITING_MANUAL and not self.policy.for_ever:
            self.handle(Input.LAPSED, now, "the validation URL was not opened in time")
        else:
            self.handle(Input.DUE, now)
        return self.state is State.VALIDATING

    def answered(self, status: int, body: bytes, now: float) -> None:
        """The endpoint answered. Only exactly 200 can consent."""
        echoed = validation_response(body) if status == 200 else None
        if status != 200:
            self.unanswered(f"answered {status} to the validation event instead of 200", now)
        elif echoed is None:
            self.handle(Input.SILENT, now, "answered 200 without a validationResponse")
        elif echoed != self.code:
            self.unanswered("answered with a validationResponse that is not our code", now)
        else:
            self.handle(Input.ECHOED, now, "echoed the code")

    def permitted(self, status: int, now: float, *, is_allowed: bool, rate: int = 0) -> None:
        """The endpoint answered our OPTIONS, and allowed our origin or did not. No status alone is consent.

        `rate` is what it allows a minute, 0 for no limit.
        """
        if is_allowed:
            self.allowed_rate = rate
            self.handle(Input.ECHOED, now, "allowed our origin" + (f", {rate} requests a minute" if rate else ""))
        elif 200 <= status < 300:
            self.handle(Input.SILENT, now, f"answered {status} to OPTIONS without allowing our origin")
        else:
            self.unanswered(f"answered {status} to OPTIONS instead of allowing our origin", now)

    def unanswered(self, why: str, now: float) -> None:
        """The attempt failed."""
        is_last = not self.policy.for_ever and self.attempts > len(self.policy.pauses_s)
        self.handle(Input.GIVEN_UP if is_last else Input.NOT_YET, now, why)

    def confirm(self, now: float) -> bool:
        """Somebody opened the validation URL with our code; whether the subscription is valid now."""
        self.handle(Input.CONFIRMED, now, "the validation URL was opened")
        return self.state is State.VALID


Action = Callable[[Handshake, float], None]


def ask(handshake: Handshake, now: float) -> None:
    """Count the attempt that the shell makes now."""
    handshake.attempts += 1
    handshake.deadline = None


def pause(handshake: Handshake, now: float) -> None:
    """Set the time of the next attempt."""
    pauses = handshake.policy.pauses_s
    handshake.deadline = now + pauses[min(handshake.attempts, len(pauses)) - 1]


def await_manual(handshake: Handshake, now: float) -> None:
    """Leave the endpoint or a person time to open the validation URL."""
    handshake.deadline = now + handshake.policy.manual_s


def settle(handshake: Handshake, now: float) -> None:
    """Nothing more is asked."""
    handshake.deadline = None


def ignore(handshake: Handshake, now: float) -> None:
    """Already decided."""


TABLE: Final[dict[tuple[State, Input], tuple[State, Action]]] = {
    (State.PENDING, Input.DUE): (State.VALIDATING, ask),
    (State.PENDING, Input.CONFIRMED): (State.VALID, settle),  # the code arrived although its answer failed
    (State.VALIDATING, Input.ECHOED): (State.VALID, settle),
    (State.VALIDATING, Input.SILENT): (State.AWAITING_MANUAL, await_manual),
    (State.VALIDATING, Input.NOT_YET): (State.PENDING, pause),
    (State.VALIDATING, Input.GIVEN_UP): (State.FAILED, settle),
    (State.VALIDATING, Input.CONFIRMED): (State.VALID, settle),  # opened before the endpoint answered us
    (State.AWAITING_MANUAL, Input.DUE): (State.VALIDATING, ask),
    (State.AWAITING_MANUAL, Input.LAPSED): (State.FAILED, settle),
    (State.AWAITING_MANUAL, Input.CONFIRMED): (State.VALID, settle),
    (State.VALID, Input.ECHOED): (State.VALID, ignore),  # these four: the answer to an attempt overtaken by CONFIRMED
    (State.VALID, Input.SILENT): (State.VALID, ignore),
    (State.VALID, Input.NOT_YET): (State.VALID, ignore),
    (State.VALID, Input.GIVEN_UP): (State.VALID, ignore),
    (State.VALID, Input.CONFIRMED): (State.VALID, ignore),  # opened twice
    (State.FAILED, Input.CONFIRMED): (State.FAILED, ignore),  # too late (Event Grid: webhook event delivery)
}

IMPOSSIBLE: Final = frozenset(
    {
        *((State.PENDING, what) for what in (Input.ECHOED, Input.SILENT, Input.NOT_YET, Input.GIVEN_UP, Input.LAPSED)),
        *((State.VALIDATING, what) for what in (Input.DUE, Input.LAPSED)),
        *((State.AWAITING_MANUAL, what) for what in (Input.ECHOED, Input.SILENT, Input.NOT_YET, Input.GIVEN_UP)),
        *((State.VALID, what) for what in (Input.DUE, Input.LAPSED)),
        *((State.FAILED, what) for what in Input if what is not Input.CONFIRMED),
    }
)
"""No attempt is in flight outside VALIDATING, and no deadline is set inside it or in a settled state."""
