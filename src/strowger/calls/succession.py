"""What follows a hop that led nowhere, instead of the end of its call: the one place that decides it.

Each step is asked in its order; the first that knows a follower wins. Whatever is opened here has its time out of the
ring budget that all hops of a call share, and nothing is opened once that is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strowger.calls.call import Failure
from strowger.calls.ledger import LiveCall
from strowger.calls.machine import Input, Occurrence
from strowger.calls.openings import Openings

Follower = tuple[Input, Occurrence]
"""What is put to the call machine in the place of the end."""
Step = Callable[[LiveCall, Failure], Follower | None]
"""Knows what follows the current hop, which is over by this failure; None when it is not for this step to say."""

WORTHWHILE_S: Final = 1.0
"""With less than this left of the ring budget nothing is opened: nobody could decide or answer within it."""


class Succession:
    """Decides what follows; changes nothing."""

    def __init__(self, openings: Openings, steps: tuple[Step, ...] = ()) -> None:
        self._openings = openings
        self._steps = steps

    def followed_by(self, live: LiveCall, failure: Failure) -> Follower | None:
        """What follows the current hop, which is over by `failure`; None when that ends the call."""
        if self._openings.budget_s(live) < WORTHWHILE_S:
            return None
        return next((follower for step in self._steps if (follower := step(live, failure)) is not None), None)
