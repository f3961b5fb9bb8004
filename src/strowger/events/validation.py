"""Shaking hands with every endpoint: performs what `handshake` decides and says once per change how it stands.

An endpoint that never consents costs one small POST per attempt and nothing else; its events wait in the outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog

from strowger.base.clock import Clock
from strowger.base.ids import Ids
from strowger.base.text import printable
from strowger.events import cloud_events, schema
from strowger.events.errors import Unanswered
from strowger.events.handshake import ADVICE, Handshake, HandshakePolicy, State
from strowger.events.request import fixed_headers
from strowger.events.retry import Profile
from strowger.events.subscription import Schema, Subscription
from strowger.events.webhook import Answer, Target, WebhookClient

_log: Final = structlog.stdlib.get_logger(__name__)


class Settled(Protocol):
    """Is told once of every subscription whose handshake is settled."""

    def __call__(self, subscription: Subscription, *, is_valid: bool) -> None: ...


class Validation:
    """The handshakes of all subscriptions.

    `validation_url` makes, of a validation code, the URL on which somebody calls `confirm` with that code.
    """

    def __init__(
        self,
        subscriptions: Mapping[str, Subscription],
        policies: Mapping[Profile, HandshakePolicy],
        client: WebhookClient,
        clock: Clock,
        ids: Ids,
        validation_url: Callable[[str], str],
        settled: Settled,
    ) -> None:
        self._subscriptions = subscriptions
        self._client = client
        self._clock = clock
        self._ids = ids
        self._validation_url = validation_url
        self._settled = settled
        now = clock.monotonic()
        self._handshakes = {
            key: Handshake(policies[subscription.profile], ids.uuid4(), now)
            for key, subscription in subscriptions.items()
        }
        self._unsettled = dict(self._handshakes)
        self._reported: dict[str, tuple[State, str]] = {}

    def states(self) -> dict[str, tuple[State, str]]:
        """Each handshake by `resource/name`: its state and what came of the last attempt, in words."""
        return {key: (handshake.state, handshake.detail) for key, handshake in self._handshakes.items()}

    def next_deadline(self) -> float | None:
        """When `advance` has something to do next."""
        if not self._unsettled:
            return None
        deadlines = [handshake.deadline for handshake in self._unsettled.values() if handshake.deadline is not None]
        return min(deadlines, default=None)

    def advance(self, now: float) -> list[str]:
        """The subscriptions to `ask` now."""
        due: list[str] = []
        for key, handshake in tuple(self._unsettled.items()):
            if handshake.advance(now):
                due.append(key)
            else:
                self._moved(key)
        return due

    def confirm(self, code: str) -> bool:
        """Somebody opened the validation URL: whether the code is one of ours and its subscription is valid now."""
        for key, handshake in self._handshakes.items():
            if handshake.code == code:
                is_valid = handshake.confirm(self._clock.monotonic())
                self._moved(key)
                return is_valid
        return False

    async def ask(self, key: str) -> None:
        """Ask for consent once and take in the answer."""
        subscription, handshake = self._subscriptions[key], self._handshakes[key]
        is_cloud = subscription.schema is Schema.CLOUD_EVENTS
        why = "cut off"
        answer = None
        try:
            answer = await (self._options if is_cloud else self._post)(subscription, handshake)
        except Unanswered as error:
            why = str(error)
        finally:  # whatever happened, the next attempt has its time
            if answer is None:
                handshake.unanswered(why, self._clock.monotonic())
            elif is_cloud:
                is_allowed = cloud_events.is_allowed(answer.headers.getall(cloud_events.ALLOWED_ORIGIN, ()))
                handshake.permitted(answer.status, self._clock.monotonic(), is_allowed=is_allowed)
            else:
                handshake.answered(answer.status, answer.body, self._clock.monotonic())
            self._moved(key)

    async def _post(self, subscription: Subscription, handshake: Handshake) -> Answer:
        target = Target(subscription, handshake.policy.timeout_s, fixed_headers(subscription))
        headers = schema.validation_headers(subscription.name)
        return await self._client.post(target, headers, self._event(subscription, handshake.code), read=True)

    async def _options(self, subscription: Subscription, handshake: Handshake) -> Answer:
        target = Target(subscription, handshake.policy.timeout_s, fixed_headers(subscription), method="OPTIONS")
        headers = cloud_events.validation_headers(self._validation_url(handshake.code))
        return await self._client.post(target, headers, b"")

    def _event(self, subscription: Subscription, code: str) -> bytes:
        url = self._validation_url(code)
        event_id = self._ids.uuid4()
        event = schema.subscription_validation(event_id, subscription.topic, code, url, self._clock.wall())
        return schema.request_body(event)

    def _moved(self, key: str) -> None:
        handshake = self._handshakes[key]
        report = (handshake.state, handshake.detail)
        if handshake.state is not State.VALIDATING and handshake.detail and self._reported.get(key) != report:
            self._reported[key] = report
            self._report(self._subscriptions[key], handshake)
        if handshake.is_settled and self._unsettled.pop(key, None) is not None:
            self._settled(self._subscriptions[key], is_valid=handshake.state is State.VALID)

    def _report(self, subscription: Subscription, handshake: Handshake) -> None:
        endpoint = printable(subscription.shown_endpoint)
        if handshake.state is State.VALID:
            _log.info("subscription valid", subscription=subscription.key, endpoint=endpoint, why=handshake.detail)
            return
        advice = ADVICE[handshake.state]
        if handshake.state is State.AWAITING_MANUAL:
            advice = f"{advice}: {self._validation_url(handshake.code)}"
        _log.warning(
            f"subscription {handshake.state}",
            subscription=subscription.key,
            endpoint=endpoint,
            why=handshake.detail,
            advice=advice,
        )
