"""The hunt: one member of a group after the other, until somebody answers, one of them ends it, or nobody is left.

Each step is a hop of its own that goes on with the addressee of the one before: its event and its context stay good, so
that the application may still decide. One of the steps of `succession`; changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from strowger.calls.call import Failure, Hop, State
from strowger.calls.groups import Groups
from strowger.calls.ledger import LiveCall
from strowger.calls.machine import Input, Occurrence
from strowger.calls.openings import Openings

_CLASS = 100


class Hunt:
    """Knows who rings after a member that did not answer."""

    def __init__(self, groups: Groups, openings: Openings, monotonic: Callable[[], float]) -> None:
        self._groups = groups
        self._openings = openings
        self._now = monotonic

    def next_step(self, live: LiveCall, failure: Failure) -> tuple[Input, Occurrence] | None:
        """The hop of the next member; None when there is no hunt, or none goes on after this failure."""
        hop = live.call.hop
        if live.call.state is not State.RINGING or not _is_step(hop) or self._groups.ends(hop, failure.status):
            return None
        plan = self._groups.following(live.call, self._now())
        if plan is None:
            return None
        return self._openings.next_step(live, plan, f"{failure.why}: the next one rings", self.outcome(hop, failure))

    def outcome(self, hop: Hop, failure: Failure) -> Failure:
        """What the hunt has come to with this failure of its latest step: the best of all, as of branches that ring
        together (RFC 3261 §16.7 step 6), unless one ended it.
        """
        before = hop.failure
        if before is None or not _is_step(hop) or self._groups.ends(hop, failure.status):
            return failure
        return before if before.status // _CLASS < failure.status // _CLASS else failure


def _is_step(hop: Hop) -> bool:
    return hop.group is not None and hop.group.position > 0
