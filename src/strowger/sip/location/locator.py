"""The locator: carries the procedure of RFC 3263 through, from memory where that will do, else by asking.

A question is asked once however many wait for its answer, and goes on after they lost patience, so that the next one
finds it answered. A dead name server costs nobody more than `location_s`, and whoever needs no name nothing at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from strowger.base.tasks import spawn
from strowger.base.text import printable
from strowger.sip.location.avoidance import Avoidance
from strowger.sip.location.cache import AnswerCache
from strowger.sip.location.errors import Unlocatable
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.records import Answer, Lookup, Question
from strowger.sip.location.resolve import Destination, Procedure, Reach, locate, run
from strowger.sip.location.target import target_of
from strowger.sip.location.weighted import Draw


class _NotKnown(Exception):
    """A question has to be asked."""


class Locator:
    """From SIP URIs to destinations."""

    def __init__(
        self, lookup: Lookup, reach: Reach, *, monotonic: Callable[[], float], limits: LocationLimits | None = None
    ) -> None:
        self._lookup = lookup
        self._reach = reach
        self._now = monotonic
        self._limits = limits or LocationLimits()
        self._cache = AnswerCache(self._limits)
        self._asking: dict[Question, asyncio.Task[None]] = {}
        self.avoidance = Avoidance(self._limits.avoided)
        """To be told of destinations that do not serve."""

    def known(self, uri: str, draw: Draw) -> list[Destination] | None:
        """The destinations of a URI, best first, if nobody has to be asked; else None. Raises Unlocatable."""
        try:
            return self._unavoided(run(self._procedure(uri, draw), self._remembered))
        except _NotKnown:
            return None
        except Unlocatable as error:
            raise _explained(uri, error) from error

    async def locate(self, uri: str, draw: Draw) -> list[Destination]:
        """The destinations of a URI, best first. Raises Unlocatable, after `location_s` at the latest."""
        give_up_at = self._now() + self._limits.location_s
        try:
            procedure = self._procedure(uri, draw)
            questions = next(procedure)
            while True:
                await self._ask_all(questions, give_up_at - self._now())
                questions = procedure.send([self._best(question) for question in questions])
        except StopIteration as end:
            return self._unavoided(end.value)
        except Unlocatable as error:
            raise _explained(uri, error) from error

    def stop(self) -> None:
        """Give up every question."""
        for task in self._asking.values():
            task.cancel()

    def _procedure(self, uri: str, draw: Draw) -> Procedure:
        return locate(target_of(uri), self._reach, draw, self._limits)

    def _unavoided(self, destinations: list[Destination]) -> list[Destination]:
        return self.avoidance.in_order(destinations, self._now())

    def _remembered(self, question: Question) -> Answer:
        answer = self._cache.fresh(question, self._now())
        if answer is None:
            raise _NotKnown
        return answer

    async def _ask_all(self, questions: Iterable[Question], patience_s: float) -> None:
        tasks = [task for question in questions if (task := self._asked(question)) is not None]
        if tasks and patience_s > 0:
            await asyncio.wait(tasks, timeout=patience_s)

    def _asked(self, question: Question) -> asyncio.Task[None] | None:
        """The task that asks, a new one if need be; None when there is no need or no room."""
        if self._cache.fresh(question, self._now()) is not None:
            return None
        task = self._asking.get(question)
        if task is None and len(self._asking) < self._limits.pending:
            task = self._asking[question] = spawn(self._ask(question), f"ask for {question.kind} {question.name}")
            task.add_done_callback(lambda _: self._asking.pop(question, None))
        return task

    async def _ask(self, question: Question) -> None:
        self._cache.remember(question, await self._lookup.ask(question), self._now())

    def _best(self, question: Question) -> Answer:
        """What is known once the waiting is over."""
        answer = self._cache.fresh(question, self._now())
        if answer is not None:
            return answer
        if question in self._asking:
            why = f"no name server answered within {self._limits.location_s:g} s"
        elif len(self._asking) >= self._limits.pending:
            why = f"{self._limits.pending} other questions are under way"
        else:
            why = "the question was given up"
        return self._cache.last(question, self._now(), why)


def _explained(uri: str, error: Unlocatable) -> Unlocatable:
    return Unlocatable(f"{printable(uri)}: {error}")
