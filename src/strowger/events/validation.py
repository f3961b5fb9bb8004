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
from strowger.events.request import fixed_headers, signed
from strowger.events.retry import Profile
from strowger.events.subscription import Schema, Subscription
from strowger.events.webhook import Answer, Target, WebhookClient

_log: Final = structlog.stdlib.get_logger(__name__)


class Settled(Protocol):
    """Is told once of every subscription whose handshake is settled."""

    def __call__(self, subscription: Subscription, *, is_valid: bool) -> None: ...


class Asked:
    """One subscription and its handshake."""

    __slots__ = ("handshake", "reported", "subscription")

    def __init__(self, subscription: Subscription, handshake: Handshake) -> None:
        self.subscription = subscription
        self.handshake = handshake
        self.reported: tuple[State, str] | None = None
        """What was logged last."""


class Validation:
    """The handshakes of all subscriptions that were added.

    `validation_url` makes, of a validation code, the URL on which somebody calls `confirm` with that code.
    """

    def __init__(
        self,
        policies: Mapping[Profile, HandshakePolicy],
        client: WebhookClient,
        clock: Clock,
        ids: Ids,
        validation_url: Callable[[str], str],
        settled: Settled,
    ) -> None:
        self._policies = policies
        self._client = client
        self._clock = clock
        self._ids = ids
        self._validation_url = validation_url
        self._settled = settled
        self._handshakes: dict[str, Asked] = {}
        self._unsettled: dict[str, Asked] = {}

    def add(self, subscription: Subscription) -> None:
        """Begin with a subscription, or anew with one that is there: an answer to what was asked before is for
        nothing.
        """
        handshake = Handshake(self._policies[subscription.profile], self._ids.uuid4(), self._clock.monotonic())
        asked = Asked(subscription, handshake)
        self._handshakes[subscription.key] = self._unsettled[subscription.key] = asked

    def replace(self, subscription: Subscription) -> None:
        """The subscription changed, and nothing of it that its endpoint could see: the handshake goes on."""
        self._handshakes[subscription.key].subscription = subscription

    def remove(self, key: str) -> State | None:
        """Forget a subscription; how far it had come, None when there was none."""
        self._unsettled.pop(key, None)
        asked = self._handshakes.pop(key, None)
        return asked.handshake.state if asked is not None else None

    def state(self, key: str) -> State:
        """How far one has come. Raises KeyError."""
        return self._handshakes[key].handshake.state

    def allowed_rate(self, key: str) -> int:
        """Requests a minute that its endpoint allowed; 0 for no limit. Raises KeyError."""
        return self._handshakes[key].handshake.allowed_rate

    def consents(self, key: str) -> bool:
        """Whether there is one of this key, and it is valid."""
        asked = self._handshakes.get(key)
        return asked is not None and asked.handshake.state is State.VALID

    def manual_url(self, key: str) -> str:
        """Where consent can be given by hand just now; empty where it need not, or cannot. Raises KeyError."""
        handshake = self._handshakes[key].handshake
        return self._validation_url(handshake.code) if not handshake.is_settled else ""

    def states(self) -> dict[str, tuple[State, str]]:
        """Each handshake by `resource/name`: its state and what came of the last attempt, in words."""
        return {key: (asked.handshake.state, asked.handshake.detail) for key, asked in self._handshakes.items()}

    def next_deadline(self) -> float | None:
        """When `advance` has something to do next."""
        if not self._unsettled:
            return None
        waiting = (asked.handshake.deadline for asked in self._unsettled.values())
        deadlines = [deadline for deadline in waiting if deadline is not None]
        return min(deadlines, default=None)

    def advance(self, now: float) -> list[Asked]:
        """Whom to `ask` now."""
        due: list[Asked] = []
        for asked in tuple(self._unsettled.values()):
            if asked.handshake.advance(now):
                due.append(asked)
            else:
                self._moved(asked)
        return due

    def confirm(self, code: str) -> bool:
        """Somebody opened the validation URL: whether the code is one of ours and its subscription is valid now."""
        for asked in self._handshakes.values():
            if asked.handshake.code == code:
                is_valid = asked.handshake.confirm(self._clock.monotonic())
                self._moved(asked)
                return is_valid
        return False

    async def ask(self, asked: Asked) -> None:
        """Ask for consent once and take in the answer."""
        subscription, handshake = asked.subscription, asked.handshake
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
                rate = cloud_events.allowed_rate(answer.headers.getall(cloud_events.ALLOWED_RATE, ()))
                handshake.permitted(answer.status, self._clock.monotonic(), is_allowed=is_allowed, rate=rate)
            else:
                handshake.answered(answer.status, answer.body, self._clock.monotonic())
            self._moved(asked)

    async def _post(self, subscription: Subscription, handshake: Handshake) -> Answer:
        target = Target(subscription, handshake.policy.timeout_s, fixed_headers(subscription))
        event_id, wall = self._ids.uuid4(), self._clock.wall()
        url = self._validation_url(handshake.code)
        event = schema.subscription_validation(event_id, subscription.topic, handshake.code, url, wall)
        body = schema.request_body(event)
        headers = schema.validation_headers(subscription.name) | signed(subscription, [event_id], wall, body)
        return await self._client.post(target, headers, body, read=True)

    async def _options(self, subscription: Subscription, handshake: Handshake) -> Answer:
        target = Target(subscription, handshake.policy.timeout_s, fixed_headers(subscription), method="OPTIONS")
        headers = cloud_events.validation_headers(self._validation_url(handshake.code))
        return await self._client.post(target, headers, b"")

    def _moved(self, asked: Asked) -> None:
        subscription, handshake = asked.subscription, asked.handshake
        if self._handshakes.get(subscription.key) is not asked:
            return  # removed, or begun anew
        report = (handshake.state, handshake.detail)
        if handshake.state is not State.VALIDATING and handshake.detail and asked.reported != report:
            asked.reported = report
            self._report(subscription, handshake)
        if handshake.is_settled and self._unsettled.pop(subscription.key, None) is not None:
            self._settled(subscription, is_valid=handshake.state is State.VALID)

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
