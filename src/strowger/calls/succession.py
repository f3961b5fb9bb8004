"""What follows a hop that led nowhere, instead of the end of its call: the one place that decides it.

Each step is asked in its order; the first that knows a follower wins. Whatever is opened here has its time out of the
ring budget that all hops of a call share, and nothing is opened once that is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strowger.calls.call import Failure
from strowger.calls.hunt import Hunt
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

    def __init__(self, openings: Openings, steps: tuple[Step, ...] = (), hunt: Hunt | None = None) -> None:
        """The hunt of a group goes before all `steps`, which are told what the whole of it has come to."""
        self._openings = openings
        self._hunt = hunt
        self._steps = steps

    def followed_by(self, live: LiveCall, failure: Failure) -> Follower | None:
        """What follows the current hop, which is over by `failure`; None when that ends the call."""
        if self._openings.budget_s(live) < WORTHWHILE_S:
            return None
        onward = self._hunt.next_step(live, failure) if self._hunt is not None else None
        if onward is not None:
            return onward
        outcome = self.outcome(live, failure)
        return next((follower for step in self._steps if (follower := step(live, outcome)) is not None), None)

    def outcome(self, live: LiveCall, failure: Failure) -> Failure:
        """What the addressee of the current hop has come to, with this failure of it: of a hunt the best of all."""
        return self._hunt.outcome(live.call.hop, failure) if self._hunt is not None else failure
