"""When a failed delivery is tried again, as a table.

Two profiles. `telephony` fits an event into the seconds during which a call rings. `event-grid` keeps the published
steps (Event Grid: retry schedule) without their jitter, for tests of fidelity. Neither has probation: an endpoint that
failed ten times gets the next call's event at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Profile(StrEnum):
    """How patiently a subscription is served."""

    TELEPHONY = "telephony"
    EVENT_GRID = "event-grid"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One profile's figures, in seconds."""

    timeout_s: float
    """How long one attempt waits for its answer."""
    pauses_s: tuple[float, ...]
    """From the end of one attempt to the start of the next; the last one repeats."""

    def pause_s(self, attempts: int) -> float:
        """The pause after so many attempts, at least one."""
        return self.pauses_s[min(attempts, len(self.pauses_s)) - 1]


SCHEDULES: Final[dict[Profile, Schedule]] = {
    Profile.TELEPHONY: Schedule(3.0, (0.5, 1.0, 2.0, 4.0, 8.0)),
    Profile.EVENT_GRID: Schedule(
        30.0, (10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 21_600.0, 43_200.0)
    ),
}

DELIVERED: Final = frozenset((200, 201, 202, 203, 204))
"""The only statuses that mean success (Event Grid: message delivery status); a redirect is not followed."""

NOT_RETRIED: Final = frozenset((400, 401, 403, 413))
"""Statuses after which a webhook is not tried again (Event Grid: retry schedule); the default of the setting."""


class Reason(StrEnum):
    """Why an event is given up."""

    REFUSED = "the endpoint refused it"
    EXPIRED = "the call no longer waits for it"


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at this time (monotonic, seconds)."""

    at: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Never try again."""

    reason: Reason


def decide(
    schedule: Schedule,
    *,
    attempts: int,
    status: int | None,
    now: float,
    deadline: float,
    not_retried: frozenset[int] = NOT_RETRIED,
) -> RetryAt | GiveUp:
    """What follows a failed attempt, the `attempts`th; `status` is None when no answer came.

    An attempt may start strictly before `deadline` (same clock as `now`), never at it or after.
    """
    if status in not_retried:
        return GiveUp(Reason.REFUSED)
    at = now + schedule.pause_s(attempts)
    return RetryAt(at) if at < deadline else GiveUp(Reason.EXPIRED)
