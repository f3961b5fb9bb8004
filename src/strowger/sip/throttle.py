"""What is let in: rate limits and overload joined, each refusal with a reason that is counted and told. Pure.

Nothing that belongs to a call or a transaction in progress is asked about here, except a datagram of a source that
floods us, which nobody has read yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from strowger.sip.flow import Flow
from strowger.sip.message.errors import Refusal
from strowger.sip.overload import Overload
from strowger.sip.rate_limits import RateLimits

LONGEST_RETRY_AFTER_S: Final = 10
"""Whoever is refused comes back after one to so many seconds, not all together (RFC 5390 §7)."""

Told = Callable[[str, str], None]
"""Hears the reason of a refusal and the source, at a bounded rate for each source."""


class Throttle:
    """The door: who is let in, who is asked to come back later, who is not even heard."""

    def __init__(
        self, rate_limits: RateLimits, overload: Overload, *, chance: Callable[[], float], told: Told | None = None
    ) -> None:
        """`chance` gives numbers from 0 up to 1."""
        self._rates = rate_limits
        self.overload = overload
        self._chance = chance
        self.told: Told = told or (lambda reason, source: None)
        self.refused: Counter[str] = Counter()
        """Datagrams, calls and registrations that were not let in, by the name of the setting that decided it."""

    def lets_in(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether a datagram is worth reading. `now` is monotonic."""
        reason = self._rates.datagram(data, flow.host, now)
        if reason:
            self._note(reason, flow, now)
        return not reason

    def pace(self, flow: Flow, messages: int, now: float) -> float:
        """Seconds for which a connection that brought so many messages is not to be read."""
        return self._rates.pace(flow.host, messages, now)

    def require_call(self, flow: Flow, now: float) -> None:
        """Judge an INVITE that would begin a call, whoever may have sent it.

        Raises Refusal with 503 and Retry-After (RFC 3261 §21.5.4).
        """
        self._require(self._unheard(flow, now) or self._rates.call(flow.host, now), flow, now)

    def require_capacity(self, flow: Flow, now: float) -> None:
        """Judge it again when it is known that its sender may call. Raises the same."""
        self._require(self._rates.call_of_anybody(now), flow, now)

    def require_registration(self, flow: Flow, now: float) -> None:
        """Judge a REGISTER that is no repeat. Raises the same."""
        self._require(self._unheard(flow, now), flow, now)

    def proven(self, host: str, now: float) -> None:
        """A request from there has proved to know a password."""
        self._rates.proven(host, now)

    def _unheard(self, flow: Flow, now: float) -> str:
        return self.overload.reason or (self._rates.request(flow.host, now) if flow.reliable else "")

    def asked(self, host: str, now: float) -> None:
        """A request of ours has left for that numeric address."""
        self._rates.asked(host, now)

    def _require(self, reason: str, flow: Flow, now: float) -> None:
        if not reason:
            return
        self._note(reason, flow, now)
        seconds = 1 + int(self._chance() * LONGEST_RETRY_AFTER_S)
        raise Refusal(503, "Service Unavailable", (("Retry-After", str(min(seconds, LONGEST_RETRY_AFTER_S))),))

    def _note(self, reason: str, flow: Flow, now: float) -> None:
        self.refused[reason] += 1
        if self._rates.is_worth_a_line(flow.host, now):
            self.told(reason, flow.host)
