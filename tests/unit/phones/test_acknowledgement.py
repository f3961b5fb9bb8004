"""The schedule of a 2xx that waits for its ACK, on an agent that only counts time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from strowger.phones.acknowledgement import Acknowledgement
from strowger.sip.message.message import Response
from strowger.sip.transaction.timers import Timings


class Timer:
    def __init__(self, at: float, action: Callable[[], None]) -> None:
        self.at, self.action, self.cancelled = at, action, False

    def cancel(self) -> None:
        self.cancelled = True


class StoppedAgent:
    """Sends into a list; time passes when `run` says so."""

    def __init__(self) -> None:
        self.timings = Timings()
        self.now = 0.0
        self.sent: list[float] = []
        self.timers: list[Timer] = []
        self.alive = True

    def respond(self, key: str, response: Response) -> bool:
        if self.alive:
            self.sent.append(self.now)
        return self.alive

    def later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        self.timers.append(Timer(self.now + seconds, action))
        return cast(asyncio.TimerHandle, self.timers[-1])

    def run(self, until: float) -> None:
        while self.timers and self.timers[-1].at <= until and not self.timers[-1].cancelled:
            timer = self.timers.pop()
            self.now = timer.at
            timer.action()


def waiting(agent: StoppedAgent) -> tuple[Acknowledgement, list[float]]:
    expired: list[float] = []
    response = Response.make(200, "OK", (("CSeq", "3 INVITE"),))
    return Acknowledgement(cast(Any, agent), "key", response, lambda: expired.append(agent.now)), expired


def test_the_2xx_is_repeated_from_t1_to_t2_and_given_up_after_64_t1() -> None:
    agent = StoppedAgent()
    acknowledgement, expired = waiting(agent)
    assert (acknowledgement.pending, acknowledgement.number) == (True, 3)
    agent.run(until=100)
    assert agent.sent == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert expired == [32.0]
    assert not acknowledgement.pending


def test_the_ack_ends_it() -> None:
    agent = StoppedAgent()
    acknowledgement, expired = waiting(agent)
    agent.run(until=1.6)
    acknowledgement.stop()
    acknowledgement.stop()
    agent.run(until=100)
    assert (agent.sent, expired, acknowledgement.pending) == ([0, 0.5, 1.5], [], False)


def test_a_transaction_that_has_ended_ends_it() -> None:
    agent = StoppedAgent()
    _, expired = waiting(agent)
    agent.alive = False
    agent.run(until=100)
    assert (agent.sent, expired) == ([0], [0.5])


