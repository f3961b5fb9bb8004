"""One attempt: a request to an endpoint, to its failover where that may help, and what follows from the answer.

An attempt that gets no answer, or a 5xx, is repeated at the failover endpoint at once, with the same headers and body;
both together are one attempt in the retry table. A batch is delivered or refused as a whole; one that is refused is
taken apart, so that one event that an endpoint does not like takes no other with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from msgspec.structs import replace

from strowger.base.clock import Clock
from strowger.base.text import printable
from strowger.calls.ports import Store
from strowger.events import request
from strowger.events.conclusion import Conclusions
from strowger.events.errors import Unanswered
from strowger.events.outbox import Delivery, Outbox
from strowger.events.outcome import Outcome, Result, answered
from strowger.events.retry import DELIVERED, Reason, RetryAt, decide
from strowger.events.subscribers import Subscriber
from strowger.events.webhook import Target, WebhookClient

GONE: Final = 410
_CUT_OFF: Final = Result(None, Outcome.SOCKET_ERROR, "cut off")
_NOT_ASKED: Final = Result(None, Outcome.NOT_TRIED, "has not consented")

_log: Final = structlog.stdlib.get_logger(__name__)


class Attempts:
    """Makes them and draws the conclusions."""

    def __init__(
        self,
        client: WebhookClient,
        outbox: Outbox,
        store: Store,
        conclusions: Conclusions,
        clock: Clock,
        *,
        not_retried: frozenset[int],
        consents: Callable[[str], bool],
        retired: Callable[[Subscriber], None],
    ) -> None:
        """`consents` tells whether the endpoint of a key is valid; `retired` is told of one that says it is gone."""
        self.is_running = False
        """While it is not, what fails stays in the store for the next start."""
        self._client = client
        self._outbox = outbox
        self._store = store
        self._conclusions = conclusions
        self._clock = clock
        self._not_retried = not_retried
        self._consents = consents
        self._retired = retired

    async def make(self, batch: list[Delivery], subscriber: Subscriber) -> bool:
        """Send what goes together once; whether it was delivered. Whatever happens, the slot is given back."""
        began_at = self._clock.wall()
        self._conclusions.counters.attempts += len(batch)
        result = _CUT_OFF
        try:
            result = await self._send(batch, subscriber)
        finally:
            is_delivered = result.status in DELIVERED
            if is_delivered:
                for delivery in batch:
                    self._outbox.finish(delivery)
                    self._conclusions.delivered(delivery)
            elif self.is_running:
                self._fail(batch, subscriber, result, began_at)
            else:
                for delivery in batch:
                    self._outbox.finish(delivery)
        return is_delivered

    async def _send(self, batch: list[Delivery], subscriber: Subscriber) -> Result:
        entries = [delivery.entry for delivery in batch]
        headers, body = request.attempt(subscriber.subscription, entries, batch[0].attempts - 1)
        ids = [entry.event_id for entry in entries]
        headers |= request.signed(subscriber.subscription, ids, self._clock.wall(), body)
        if subscriber.failover is None:
            return await self._post(subscriber.target, headers, body)
        result = _NOT_ASKED
        if self._consents(subscriber.subscription.key):
            result = await self._post(subscriber.target, headers, body)
        if not result.is_failure_of_endpoint or not self._consents(subscriber.subscription.failover_key):
            return result
        if not self._is_wanted(batch):
            return result
        if subscriber.failover_pace is not None and not subscriber.failover_pace.take(self._clock.monotonic()):
            return result._replace(why=f"{result.why}; its failover allows no more this minute")
        self._conclusions.counters.failovers += len(batch)
        second = await self._post(subscriber.failover, headers, body)
        if second.status in DELIVERED:
            return second
        return result._replace(why=f"{result.why}; its failover: {second.why}")  # what counts is the first endpoint

    def _is_wanted(self, batch: list[Delivery]) -> bool:
        """Whether anything of it may still be sent: meanwhile hops close, and times are over."""
        now = self._clock.monotonic()
        return any(not delivery.withdrawn and now < delivery.deadline for delivery in batch)

    async def _post(self, target: Target, headers: dict[str, str], body: bytes) -> Result:
        try:
            answer = await self._client.post(target, headers, body)
        except Unanswered as error:
            return Result(None, error.outcome, str(error))
        return answered(answer.status, answer.headers.get("Retry-After", ""), self._clock.wall())

    def _fail(self, batch: list[Delivery], subscriber: Subscriber, result: Result, began_at: float) -> None:
        now = self._clock.monotonic()
        self._report(batch[0], subscriber, result.why, now)
        if result.status == GONE and GONE in request.not_retried(subscriber.subscription):
            self._retired(subscriber)
        for delivery in batch:
            self._follow(delivery, subscriber, result, began_at=began_at, is_batch=len(batch) > 1)

    def _follow(
        self, delivery: Delivery, subscriber: Subscriber, result: Result, *, began_at: float, is_batch: bool
    ) -> None:
        """What becomes of one delivery after a failed attempt."""
        subscription, now = subscriber.subscription, self._clock.monotonic()
        delivery.entry = entry = replace(
            delivery.entry,
            attempts=delivery.attempts,
            last_attempt_at=began_at,
            last_outcome=result.outcome.value,
        )
        decision = decide(
            subscriber.schedule,
            attempts=delivery.attempts,
            status=result.status,
            now=now,
            deadline=delivery.deadline,
            not_retried=self._not_retried | request.not_retried(subscription),
            asked_s=result.asked_s,
            most_attempts=subscription.terms.most_attempts if entry.outlives_hop else 0,
        )
        if not isinstance(decision, RetryAt) and not (is_batch and decision.reason is Reason.REFUSED):
            self._outbox.finish(delivery)
            self._conclusions.given_up(delivery, decision.reason, result.why)
            return
        delivery.goes_alone = delivery.goes_alone or not isinstance(decision, RetryAt)
        self._outbox.retry(delivery, decision.at if isinstance(decision, RetryAt) else now)
        if entry.outlives_hop:
            self._store.tried(entry)

    def _report(self, delivery: Delivery, subscriber: Subscriber, why: str, now: float) -> None:
        failures = subscriber.failures.count(now)
        if failures:
            _log.warning(
                "event attempt failed",
                why=why,
                subscription=subscriber.subscription.key,
                endpoint=printable(subscriber.subscription.shown_endpoint),
                call_id=delivery.entry.call_id,
                attempt=delivery.attempts,
                failures=failures,
            )
