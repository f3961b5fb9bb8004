"""Repeating a 2xx to an INVITE until its ACK arrives (RFC 3261 §13.3.1.4).

This is the business of the callee, not of the transaction, and goes on over every transport: the ACK may be lost beyond
the next hop. The interval doubles from T1 to T2; after 64·T1 the callee gives up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from strowger.phones.agent import Agent
from strowger.sip.message.message import Response


class Acknowledgement:
    """One 2xx that waits for its ACK."""

    __slots__ = ("_agent", "_expired", "_interval", "_key", "_left", "_response", "_timer")

    def __init__(self, agent: Agent, key: str, response: Response, expired: Callable[[], None]) -> None:
        """Send `response` under the transaction `key` now; `expired` is called when no ACK comes."""
        self._agent = agent
        self._key = key
        self._response = response
        self._expired = expired
        self._interval = agent.timings.t1
        self._left = agent.timings.duration("L")
        agent.respond(key, response)
        self._timer: asyncio.TimerHandle | None = agent.later(self._interval, self._again)

    @property
    def pending(self) -> bool:
        """Whether the ACK is still awaited."""
        return self._timer is not None

    @property
    def number(self) -> int:
        """The CSeq number that the ACK will have."""
        return self._response.cseq.number

    def stop(self) -> None:
        """The ACK is there, or nobody waits for it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _again(self) -> None:
        self._left -= self._interval
        if self._left <= 0 or not self._agent.respond(self._key, self._response):
            self._timer = None
            self._expired()
            return
        self._interval = min(2 * self._interval, self._agent.timings.t2)
        self._timer = self._agent.later(min(self._interval, self._left), self._again)
