"""Whether a trunk serves: asked by OPTIONS, learnt from calls, and slow to change its mind (RFC 3261 §11, §21.5.4).

                       failure                    last failure
       ┌──────────┐ ───────────▶ ┌─────────┐ ───────────────────▶ ┌──────┐  success   ┌────────────┐
       │    UP    │              │ SUSPECT │                      │ DOWN │ ─────────▶ │ RECOVERING │
       └──────────┘ ◀─────────── └─────────┘                      └──────┘ ◀───────── └────────────┘
            ▲         success      ▲    ▲                                   failure        │
            └──────────────────────┼────┼──────── last success ────────────────────────────┘
                                   │    └── hold over ── ┌──────┐
                   calls go to UP and SUSPECT alone      │ HELD │ ◀── 503 with Retry-After, from every state
                                                         └──────┘

The last failure is the one that completes `failures_to_go_down` in a row, the last success completes
`successes_to_come_up`. While SUSPECT it is asked more often, so that a dead trunk is down within half a minute. While
HELD nothing at all is sent to it, as RFC 3261 §21.5.4 wants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias


class State(StrEnum):
    """How a trunk is."""

    UP = "up"
    SUSPECT = "suspect"
    """It failed, but not often enough: calls still go there."""
    DOWN = "down"
    RECOVERING = "recovering"
    """It answers again, but not often enough: calls do not go there yet."""
    HELD = "held"
    """It asked to be left alone for a while."""


class Input(StrEnum):
    """What can happen to a trunk, decoded: counting is done before the table is asked."""

    SUCCESS = "success"
    LAST_SUCCESS = "last success"
    FAILURE = "failure"
    LAST_FAILURE = "last failure"
    RETRY_AFTER = "503 with Retry-After"
    ASK = "time to ask"
    HOLD_OVER = "hold over"


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How a trunk is judged. Times in seconds.

    With the defaults a trunk that dies right after an answer is down 28 s later: 15 + 3 × 3 + 2 × 2.
    """

    asks: bool = True
    """Whether OPTIONS are sent. Without them a trunk is never down, only on hold: nobody would see it come back."""
    interval_s: float = 15.0
    """Between the OPTIONS to a trunk that is fine, or down."""
    suspect_interval_s: float = 2.0
    """Between them while it is to be found out: suspect, or recovering."""
    answer_s: float = 3.0
    """How long an OPTIONS may remain unanswered. Timer F of RFC 3261 §17.1.2.2 would be 32 s."""
    failures_to_go_down: int = 3
    successes_to_come_up: int = 2
    hold_ceiling_s: float = 300.0
    """The longest Retry-After that is believed: a typing error in a trunk must not stop it for a day."""


class SendOptions(NamedTuple):
    """Send an OPTIONS; its outcome is reported with its number."""

    number: int


class WentUp(NamedTuple):
    """Calls may go there again."""

    why: str


class WentDown(NamedTuple):
    """Calls may not go there any more."""

    why: str


HealthOutput: TypeAlias = SendOptions | WentUp | WentDown

OUT_OF_SERVICE: Final = frozenset((408, 502, 503, 504))
"""Answers to OPTIONS that count as none: whoever gave them did not reach who should. All others show life, even 404."""
_UNAVAILABLE: Final = 503


class Health:
    """The health of one trunk. Seconds come in as `now`."""

    __slots__ = ("_answer_until", "_failures", "_next", "_number", "_policy", "_spread", "_successes", "state", "why")

    def __init__(self, policy: HealthPolicy, now: float, spread: Callable[[], float]) -> None:
        """`spread` gives numbers from 0 to 1, so that trunks are not all asked in the same instant. The first OPTIONS
        is due at once.
        """
        self.state = State.UP
        self.why = "not heard of yet"
        """What was heard last, in words."""
        self._policy = policy
        self._spread = spread
        self._number = 0
        self._failures = self._successes = 0
        self._answer_until: float | None = None
        """When the OPTIONS under way counts as unanswered; None when there is none."""
        self._next: float | None = now if policy.asks else None
        """When to ask next, or when the hold is over."""

    @property
    def is_usable(self) -> bool:
        """Whether calls may go there."""
        return self.state in _USABLE

    @property
    def is_asked(self) -> bool:
        """Whether it is asked by OPTIONS; if not, only calls tell."""
        return self._policy.asks

    @property
    def held_until(self) -> float | None:
        """When the hold is over; None when there is none."""
        return self._next if self.state is State.HELD else None

    # What is heard ---------------------------------------------------------------------------------------------------

    def options_answered(self, number: int, status: int, retry_after_s: float | None, now: float) -> list[HealthOutput]:
        """An OPTIONS got a final response. One that came too late is nothing new."""
        if number != self._number or self._answer_until is None:
            return []
        self._answer_until = None
        if status == _UNAVAILABLE and retry_after_s:
            return self._hold(retry_after_s, now)
        if status in OUT_OF_SERVICE:
            return self._failed(f"it answered {status} to OPTIONS", now)
        return self._succeeded(f"it answered {status} to OPTIONS", now)

    def options_failed(self, number: int, why: str, now: float) -> list[HealthOutput]:
        """An OPTIONS could not be sent, or its transaction ended in silence."""
        if number != self._number or self._answer_until is None:
            return []
        self._answer_until = None
        return self._failed(why, now)

    def not_asked(self, number: int, now: float) -> None:
        """An OPTIONS was not sent for reasons of our own, which say nothing about the trunk. Ask again later."""
        if number == self._number and self._answer_until is not None:
            self._answer_until = None
            self.rest(now)

    def call_answered(self, status: int, retry_after_s: float | None, now: float) -> list[HealthOutput]:
        """An INVITE got a response above 100. Only a 503 speaks against the trunk: the others are of the callee."""
        if status == _UNAVAILABLE:
            if retry_after_s:
                return self._hold(retry_after_s, now)
            return self._failed("it answered 503 to a call", now)
        return self._succeeded(f"it answered {status} to a call", now)

    def call_failed(self, why: str, now: float) -> list[HealthOutput]:
        """An INVITE could not be sent, or nothing at all came back."""
        return self._failed(why, now)

    # Time ------------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `advance` has something to do."""
        return min((at for at in (self._answer_until, self._next) if at is not None), default=None)

    def advance(self, now: float) -> list[HealthOutput]:
        """Do what is due."""
        outputs: list[HealthOutput] = []
        if self._answer_until is not None and self._answer_until <= now:
            self._answer_until = None
            outputs += self._failed(f"it did not answer OPTIONS within {self._policy.answer_s:g} s", now)
        if self._next is not None and self._next <= now:
            outputs += self._due(now)
        return outputs

    def _due(self, now: float) -> list[HealthOutput]:
        if self.state is not State.HELD:
            return self._handle(Input.ASK, now)
        self.why = "the time it wanted to be left alone is over"
        return self._handle(Input.HOLD_OVER, now)

    # Decoding --------------------------------------------------------------------------------------------------------

    def _succeeded(self, why: str, now: float) -> list[HealthOutput]:
        if self.state is State.HELD:  # the answer to something sent before; the hold stands
            return []
        self.why, self._failures = why, 0
        self._successes += 1
        is_last = self._successes >= self._policy.successes_to_come_up
        return self._handle(Input.LAST_SUCCESS if is_last else Input.SUCCESS, now)

    def _failed(self, why: str, now: float) -> list[HealthOutput]:
        if self.state is State.HELD or not self._policy.asks:
            return []
        self.why, self._successes = why, 0
        self._failures += 1
        is_last = self._failures >= self._policy.failures_to_go_down
        return self._handle(Input.LAST_FAILURE if is_last else Input.FAILURE, now)

    def _hold(self, retry_after_s: float, now: float) -> list[HealthOutput]:
        retry_after_s = min(retry_after_s, self._policy.hold_ceiling_s)
        until = now + retry_after_s
        if self.state is State.HELD and self._next is not None:
            until = max(until, self._next)
        self.why = f"it answered 503 and wants to be left alone for {retry_after_s:g} s"
        outputs = self._handle(Input.RETRY_AFTER, now)
        self._next = until
        return outputs

    def _handle(self, what: Input, now: float) -> list[HealthOutput]:
        was_usable = self.is_usable
        self.state, action = TABLE[self.state, what]
        outputs = action(self, now)
        if self.is_usable != was_usable:
            outputs.insert(0, WentUp(self.why) if self.is_usable else WentDown(self.why))
        return outputs

    # Actions ---------------------------------------------------------------------------------------------------------

    def ask(self, now: float) -> list[HealthOutput]:
        """Send an OPTIONS. The next one is due when this one is answered, or its time is over."""
        self._next = None
        if not self._policy.asks:
            return []
        self._number += 1
        self._answer_until = now + self._policy.answer_s
        return [SendOptions(self._number)]

    def rest(self, now: float) -> list[HealthOutput]:
        """Ask again after the usual interval."""
        return self._again(self._policy.interval_s, now)

    def insist(self, now: float) -> list[HealthOutput]:
        """Ask again soon."""
        return self._again(self._policy.suspect_interval_s, now)

    def fall_silent(self, now: float) -> list[HealthOutput]:
        """Send nothing more until the hold is over; judge anew then."""
        self._answer_until = None
        self._failures = self._successes = 0
        return []

    def _again(self, interval_s: float, now: float) -> list[HealthOutput]:
        """Never later than `interval_s`: the bound on how long a dead trunk goes unnoticed depends on it."""
        if self._policy.asks and self._answer_until is None:
            at = now + interval_s * (1.0 - self._spread() / 10)
            self._next = at if self._next is None else min(self._next, at)
        return []


_USABLE: Final = frozenset((State.UP, State.SUSPECT))

Action: TypeAlias = Callable[[Health, float], list[HealthOutput]]

TABLE: Final[dict[tuple[State, Input], tuple[State, Action]]] = {
    (State.UP, Input.SUCCESS): (State.UP, Health.rest),
    (State.UP, Input.LAST_SUCCESS): (State.UP, Health.rest),
    (State.UP, Input.FAILURE): (State.SUSPECT, Health.insist),
    (State.UP, Input.LAST_FAILURE): (State.DOWN, Health.rest),  # when one failure is enough
    (State.UP, Input.RETRY_AFTER): (State.HELD, Health.fall_silent),
    (State.UP, Input.ASK): (State.UP, Health.ask),
    (State.SUSPECT, Input.SUCCESS): (State.UP, Health.rest),
    (State.SUSPECT, Input.LAST_SUCCESS): (State.UP, Health.rest),
    (State.SUSPECT, Input.FAILURE): (State.SUSPECT, Health.insist),
    (State.SUSPECT, Input.LAST_FAILURE): (State.DOWN, Health.rest),
    (State.SUSPECT, Input.RETRY_AFTER): (State.HELD, Health.fall_silent),
    (State.SUSPECT, Input.ASK): (State.SUSPECT, Health.ask),
    (State.DOWN, Input.SUCCESS): (State.RECOVERING, Health.insist),
    (State.DOWN, Input.LAST_SUCCESS): (State.UP, Health.rest),  # when one success is enough
    (State.DOWN, Input.FAILURE): (State.DOWN, Health.rest),  # the count began anew with a success in between
    (State.DOWN, Input.LAST_FAILURE): (State.DOWN, Health.rest),
    (State.DOWN, Input.RETRY_AFTER): (State.HELD, Health.fall_silent),
    (State.DOWN, Input.ASK): (State.DOWN, Health.ask),
    (State.RECOVERING, Input.SUCCESS): (State.RECOVERING, Health.insist),
    (State.RECOVERING, Input.LAST_SUCCESS): (State.UP, Health.rest),
    # Relapsed: it has to begin again, and one failure is enough to know.
    (State.RECOVERING, Input.FAILURE): (State.DOWN, Health.rest),
    (State.RECOVERING, Input.LAST_FAILURE): (State.DOWN, Health.rest),
    (State.RECOVERING, Input.RETRY_AFTER): (State.HELD, Health.fall_silent),
    (State.RECOVERING, Input.ASK): (State.RECOVERING, Health.ask),
    (State.HELD, Input.RETRY_AFTER): (State.HELD, Health.fall_silent),
    (State.HELD, Input.HOLD_OVER): (State.SUSPECT, Health.ask),
}

IMPOSSIBLE: Final[frozenset[tuple[State, Input]]] = frozenset(
    {(state, Input.HOLD_OVER) for state in State if state is not State.HELD}
    | {(State.HELD, what) for what in Input if what not in (Input.RETRY_AFTER, Input.HOLD_OVER)}
)
"""A hold ends only where there is one, and while it lasts nothing is asked and nothing that was heard is counted."""
