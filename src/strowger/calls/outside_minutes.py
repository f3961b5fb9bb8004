"""How long the calls of each resource to the outside have talked in the last 24 hours.

Talk is kept by the tenth of an hour in which it ended, so that a resource costs no more than the tenths of a day; of
calls that talk now only their number and the sum of their beginnings is. A call that ended is forgotten as a whole when
a day has gone by since. Pure: times are on the monotonic clock, in seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

DAY_S: Final = 86_400.0
_TENTH_S: Final = 360.0


class TalkTime:
    """The talk of one resource."""

    __slots__ = ("_began", "_ended", "_talking")

    def __init__(self) -> None:
        self._ended: OrderedDict[int, float] = OrderedDict()
        """Seconds of talk by the tenth of an hour that they ended in, the oldest first."""
        self._talking = 0
        self._began = 0.0
        """Sum of the times at which those began that talk now."""

    def copy(self) -> TalkTime:
        """The same talk, to go on from there apart."""
        found = TalkTime()
        found._ended, found._talking, found._began = self._ended.copy(), self._talking, self._began
        return found

    def begin(self, at: float) -> None:
        """A call was answered."""
        self._talking += 1
        self._began += at

    def end(self, began: float, at: float) -> None:
        """It is over."""
        self._talking -= 1
        self._began = self._began - began if self._talking else 0.0
        self.add(at - began, at)

    def add(self, talk_s: float, at: float) -> None:
        """So much talk ended at a time, no earlier than what ended before."""
        tenth = int(at // _TENTH_S)
        self._ended[tenth] = self._ended.get(tenth, 0.0) + max(0.0, talk_s)
        self._forget_old(at)

    def used_s(self, now: float) -> float:
        """Talk within the last day, that of calls which are not over included."""
        self._forget_old(now)
        return sum(self._ended.values()) + self._talking * now - self._began

    def _forget_old(self, now: float) -> None:
        oldest = (now - DAY_S) // _TENTH_S
        while self._ended and next(iter(self._ended)) < oldest:
            self._ended.popitem(last=False)
