"""How often somebody may show a context that was never issued.

Contexts carry 256 bits of proof, so guessing finds none; who guesses all the same is kept from doing it without end. An
application that copies contexts from events never comes here.
"""

from __future__ import annotations

import math
from typing import Final

from strowger.acs.auth import Principal
from strowger.acs.errors import GuessesSpent

WINDOW_S: Final = 60.0
PRINCIPALS_REMEMBERED: Final = 10_000
"""Those who guessed within the window; the one who began first is forgotten for another."""


class Guesses:
    """Counts wrong contexts for each principal."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute: Final = per_minute
        self._counts: Final[dict[tuple[str, str], tuple[float, int]]] = {}
        """When the window of a principal began, by the wall clock, and how often it was wrong since."""

    def __len__(self) -> int:
        return len(self._counts)

    def require_few(self, principal: Principal, now: float) -> None:
        """Refuse whoever was wrong too often within the minute, by the wall clock `now`. Raises GuessesSpent."""
        since, count = self._window(principal, now)
        if count >= self._per_minute:
            left_s = math.ceil(since + WINDOW_S - now)
            raise GuessesSpent(
                f"{count} requests within a minute had an incomingCallContext that this server never issued. Copy it "
                f"from the event; requests are heard again in {left_s} s.",
                "incomingCallContext",
            )

    def missed(self, principal: Principal, now: float) -> None:
        """A context of `principal` was none of ours."""
        key = (principal.resource, principal.user)
        since, count = self._window(principal, now)
        self._counts.pop(key, None)
        if len(self._counts) >= PRINCIPALS_REMEMBERED:
            del self._counts[next(iter(self._counts))]
        self._counts[key] = (since, count + 1)

    def _window(self, principal: Principal, now: float) -> tuple[float, int]:
        since, count = self._counts.get((principal.resource, principal.user), (now, 0))
        return (since, count) if 0 <= now - since < WINDOW_S else (now, 0)  # a clock that is set begins anew
