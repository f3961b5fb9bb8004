"""From one trunk to the next: a call is offered to each in turn until one takes it (RFC 3263 §4.3).

    ATTEMPTING ──provisional above 100──▶ COMMITTED      only an attempt that nobody has heard ring may go elsewhere:
        │  ▲                                  │          otherwise two phones would ring for one call
        │  └─ 408 500 502 503 504, silence,   │
        │     transport failure; one is left  │
        └────────── any other final, or none left ──▶ OVER

Pure. What is tried may be trunks or, by the same rule, the addresses of one trunk: then one search stands inside the
other. A 2xx and every final response that tells of the callee end the search: another trunk would get the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

CandidateT = TypeVar("CandidateT")

GOES_ON: Final = frozenset((408, 500, 502, 503, 504))
"""Final responses that speak of the way and not of the callee."""
_TIMEOUT: Final = 408
_UNAVAILABLE: Final = 503


class State(StrEnum):
    """How far the search is."""

    ATTEMPTING = "attempting"
    COMMITTED = "committed"
    OVER = "over"


class Attempt(NamedTuple, Generic[CandidateT]):
    """Send the INVITE to this candidate now."""

    branch: int
    """Its position among the candidates, from 0."""
    candidate: CandidateT


class Over(NamedTuple):
    """No other trunk is tried: this final response is the caller's."""

    branch: int
    """The candidate whose outcome it is."""
    status: int


Outcome: TypeAlias = Attempt[CandidateT] | Over | None
"""What follows from a final response; None when it is of an attempt that was given up before."""


class Failover(Generic[CandidateT]):
    """The candidates of one call, one after the other."""

    __slots__ = ("_branch", "_candidates", "state")

    def __init__(self, candidates: Sequence[CandidateT], branch: int = 0) -> None:
        """`branch`: the candidate being tried, not 0 for a call taken up after a restart. Raises ValueError."""
        if not 0 <= branch < len(candidates):
            raise ValueError("there is no such candidate")
        self._candidates = candidates
        self._branch = branch
        self.state = State.ATTEMPTING

    @property
    def current(self) -> Attempt[CandidateT]:
        """The attempt under way, or the last one."""
        return Attempt(self._branch, self._candidates[self._branch])

    def provisional(self, branch: int, status: int) -> None:
        """A 1xx of an attempt. 100 only says that the next hop has the request (RFC 3261 §21.1.1)."""
        if status > 100 and branch == self._branch and self.state is State.ATTEMPTING:
            self.state = State.COMMITTED

    def final(self, branch: int, status: int) -> Outcome[CandidateT]:
        """A final response of an attempt."""
        if branch != self._branch or self.state is State.OVER:
            return None
        is_last = self._branch + 1 == len(self._candidates)
        if self.state is State.ATTEMPTING and status in GOES_ON and not is_last:
            self._branch += 1
            return self.current
        self.state = State.OVER
        return Over(branch, status)

    def silence(self, branch: int) -> Outcome[CandidateT]:
        """The attempt's transaction timed out: as if 408 had come (RFC 3261 §16.9)."""
        return self.final(branch, _TIMEOUT)

    def unreachable(self, branch: int) -> Outcome[CandidateT]:
        """The attempt could not be sent: as if 503 had come (RFC 3261 §16.9)."""
        return self.final(branch, _UNAVAILABLE)

    def give_up(self) -> None:
        """The hop was decided otherwise, or the caller hung up: nothing more is tried."""
        self.state = State.OVER
