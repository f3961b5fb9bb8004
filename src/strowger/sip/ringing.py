"""The forks that somebody waits for: until when a phone may ring in silence, and a place say nothing at all (Timer C of
RFC 3261 §16.8, and the patience with a trunk). Pure.
"""

from __future__ import annotations

from strowger.sip.leg import Fork, Leg
from strowger.sip.transaction.timers import TimerHeap


class Ringing:
    """One deadline for each fork, the earliest of its own."""

    __slots__ = ("_deadlines", "_forks")

    def __init__(self) -> None:
        self._forks: dict[str, tuple[Leg, Fork]] = {}
        self._deadlines = TimerHeap()

    def __len__(self) -> int:
        return len(self._forks)

    def arm(self, leg: Leg, fork: Fork) -> None:
        """Something of a fork has changed: wait for what comes next of it, or for nothing any more."""
        patience = [attempt.patient_until for attempt in fork.attempts if attempt.patient_until is not None]
        deadlines = [each for each in (fork.context.next_deadline(), *patience) if each is not None]
        if not deadlines:
            self.disarm(fork)
        else:
            self._forks[fork.name] = (leg, fork)
            self._deadlines.arm(fork.name, min(deadlines))

    def disarm(self, fork: Fork) -> None:
        """Nothing of it is waited for."""
        self._deadlines.disarm(fork.name)
        self._forks.pop(fork.name, None)

    def leg_of(self, fork: Fork) -> Leg | None:
        """The caller of a fork that is waited for."""
        known = self._forks.get(fork.name)
        return known[0] if known is not None else None

    def next_deadline(self) -> float | None:
        """Monotonic time of the earliest of all."""
        return self._deadlines.next_deadline()

    def due(self, now: float) -> list[tuple[Leg, Fork]]:
        """The forks whose time has come; each has to be armed again."""
        return [self._forks[name] for name in self._deadlines.due(now)]
