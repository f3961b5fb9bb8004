"""What a start takes up: the calls of before, back in memory before a listener opens, and made to go on once all have.

They go on a few at a time: a burst would overflow the socket buffers of the peers.
"""

from __future__ import annotations

import asyncio
from typing import Final

from strowger.base.clock import Clock
from strowger.calls.exchange import Exchange
from strowger.calls.ports import Store, StoredCall
from strowger.sip.restart import Restart

RESUMED_AT_ONCE: Final = 100
RESUME_PAUSE_S: Final = 0.05
"""This many calls are taken up again every so many seconds."""
CALLS_RECALLED: Final = 20_000
"""The newest calls that a start reads to count those to the outside; half a second for all of them."""
ENDED_LATELY_S: Final = 32.0
"""A call that ended within this time before a restart may still owe its caller the final response: 64*T1."""


class Recovery:
    """The calls that one start finds in the store."""

    def __init__(self, store: Store, exchange: Exchange, restart: Restart, clock: Clock) -> None:
        self._store = store
        self._exchange = exchange
        self._restart = restart
        self._clock = clock
        self._calls: list[StoredCall] = []

    def restore(self) -> None:
        """Know the calls that live, those that ended lately, and how many went outside. Says nothing to anybody yet."""
        live = self._store.live_calls()
        for stored in live:
            self._exchange.restore(stored)
        ended = [each for each in self._store.ended_calls(self._clock.wall() - ENDED_LATELY_S) if each.leg]
        for stored in ended:
            self._restart.restore_ended(stored)
        self._calls = [*live, *ended]
        recent = self._store.recent_calls(CALLS_RECALLED)
        self._exchange.outside.recall(recent, self._clock.monotonic(), self._clock.wall())

    async def resume(self) -> None:
        """Say to callers and targets what they may lack."""
        calls, self._calls = self._calls, []
        for start in range(0, len(calls), RESUMED_AT_ONCE):
            for stored in calls[start : start + RESUMED_AT_ONCE]:
                if stored.call.is_over:
                    self._restart.resume(stored.call.call_id)
                else:
                    self._exchange.resume(stored.call.call_id)
            await asyncio.sleep(RESUME_PAUSE_S)
