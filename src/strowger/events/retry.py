"""When a failed delivery is tried again, as a table.

Two profiles. `telephony` fits an event into the seconds during which a call rings, and ends with the hop. `event-grid`
keeps the published steps (Event Grid: retry schedule) without their jitter, for as long as the event lives, whatever
becomes of the call. Neither has probation: an endpoint that failed ten times gets the next call's event at once.

An endpoint that is busy may ask for more time by Retry-After, which is granted up to a bound of the profile.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
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
    most_asked_s: float = 0.0
    """The longest pause that an endpoint can ask for; what asks for more gets this."""
    least_pauses_s: Mapping[int, float] = dataclasses.field(default_factory=dict)
    """Statuses after which a pause is at least so long."""
    outlives_hop: bool = False
    """Whether an event is still delivered when its hop is closed."""

    def pause_s(self, attempts: int, status: int | None = None, asked_s: float = 0.0) -> float:
        """The pause after so many attempts, at least one, of which the last one got this status."""
        usual = self.pauses_s[min(attempts, len(self.pauses_s)) - 1]
        least = self.least_pauses_s.get(status, 0.0) if status is not None else 0.0
        return max(usual, least, min(asked_s, self.most_asked_s))


SCHEDULES: Final[dict[Profile, Schedule]] = {
    # Quick for as long as somebody may hold the telephone, and with no pause of more than 4 s in the 30 s of a held
    # call, so that an endpoint that hung for the first 20 is asked once more. What is still to be told a minute later
    # only reports.
    Profile.TELEPHONY: Schedule(
        3.0, (0.5, 1.0, 2.0, *[4.0] * 8, *[8.0] * 3, 15.0, 30.0, 60.0, 120.0, 300.0), most_asked_s=8.0
    ),
    Profile.EVENT_GRID: Schedule(
        30.0,
        (10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 21_600.0, 43_200.0),
        most_asked_s=3_600.0,
        least_pauses_s={404: 300.0, 408: 120.0, 503: 30.0},
        outlives_hop=True,
    ),
}

DELIVERED: Final = frozenset((200, 201, 202, 203, 204))
"""The only statuses that mean success (Event Grid: message delivery status); a redirect is not followed."""

NOT_RETRIED: Final = frozenset((400, 401, 403, 413))
"""Statuses after which a webhook is not tried again (Event Grid: retry schedule); the default of the setting."""


class Reason(StrEnum):
    """Why an event is given up."""

    REFUSED = "the endpoint refused it"
    EXPIRED = "its time is over"
    EXHAUSTED = "it was tried often enough"


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
    asked_s: float = 0.0,
    most_attempts: int = 0,
) -> RetryAt | GiveUp:
    """What follows a failed attempt, the `attempts`th; `status` is None when no answer came.

    An attempt may start strictly before `deadline` (same clock as `now`), never at it or after. `asked_s` is what the
    endpoint asked for; `most_attempts` 0 stands for any number.
    """
    if status in not_retried:
        return GiveUp(Reason.REFUSED)
    if 0 < most_attempts <= attempts:  # more than the most where that was lowered, or a batch was taken apart
        return GiveUp(Reason.EXHAUSTED)
    at = now + schedule.pause_s(attempts, status, asked_s)
    return RetryAt(at) if at < deadline else GiveUp(Reason.EXPIRED)
