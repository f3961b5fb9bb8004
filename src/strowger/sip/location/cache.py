"""Answers of the DNS, remembered: fresh for their time to live, and for an hour longer while the name servers fail.

Pure; seconds come in as `now`. Asking is left to the locator.
"""

from __future__ import annotations

from dataclasses import dataclass

from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.records import Answer, Question


@dataclass(slots=True)
class _Entry:
    answer: Answer
    """The last good one, records or none; a failure if there never was one."""
    fresh_until: float
    usable_until: float
    failures: int = 0
    """How often in a row the question failed since."""


class AnswerCache:
    """What is known of each question."""

    def __init__(self, limits: LocationLimits) -> None:
        self._limits = limits
        self._entries: dict[Question, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def fresh(self, question: Question, now: float) -> Answer | None:
        """The answer if there is no need to ask now: a fresh one, or what a failure a moment ago left us with."""
        entry = self._entries.get(question)
        return entry.answer if entry is not None and now < entry.fresh_until else None

    def last(self, question: Question, now: float, failure: str) -> Answer:
        """The last good answer while it may be used, else `failure`: for whoever cannot wait any longer."""
        entry = self._entries.get(question)
        if entry is None or entry.answer.failure or now >= entry.usable_until:
            return Answer(failure=failure)
        return entry.answer

    def remember(self, question: Question, answer: Answer, now: float) -> Answer:
        """Take an answer in and return the one to use: the same, or the last good one in place of a failure."""
        entry = self._failed(question, answer, now) if answer.failure else self._answered(answer, now)
        self._entries.pop(question, None)
        while len(self._entries) >= self._limits.names:
            del self._entries[next(iter(self._entries))]
        self._entries[question] = entry
        return entry.answer

    def _answered(self, answer: Answer, now: float) -> _Entry:
        ceiling = self._limits.ttl_ceiling_s if answer.records else self._limits.absent_ceiling_s
        fresh_until = now + min(max(answer.ttl_s, self._limits.ttl_floor_s), ceiling)
        return _Entry(answer, fresh_until, fresh_until + self._limits.stale_s)

    def _failed(self, question: Question, answer: Answer, now: float) -> _Entry:
        last = self._entries.get(question)
        failures = last.failures if last is not None else 0
        retry_at = now + min(self._limits.retry_s * 2 ** min(failures, 16), self._limits.retry_ceiling_s)
        if last is not None and not last.answer.failure and now < last.usable_until:
            return _Entry(last.answer, min(retry_at, last.usable_until), last.usable_until, failures + 1)
        return _Entry(answer, retry_at, retry_at, failures + 1)
