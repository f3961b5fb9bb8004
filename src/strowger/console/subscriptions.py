"""Subscriptions as the admin API shows and changes them, and what it asks of the server for that.

    GET    /admin/subscriptions                  all of them, those of the settings too
    POST   /admin/subscriptions                  one more: a JSON object in the words of [[subscription]]
    GET    /admin/subscriptions/{name}
    PUT    /admin/subscriptions/{name}           the same one, written anew
    PATCH  /admin/subscriptions/{name}           the same one with these rows, null for the default (RFC 7396)
    DELETE /admin/subscriptions/{name}
    POST   /admin/subscriptions/{name}/pause     tell it nothing for now
    POST   /admin/subscriptions/{name}/resume
    POST   /admin/subscriptions/{name}/validate  begin its handshake anew
    POST   /admin/subscriptions/{name}/test      send one event that is made up, and say what came back
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol
from urllib.parse import unquote

import msgspec
from aiohttp import web

from strowger.console import reply
from strowger.console.body import BodyLimits, json_object

PATH: Final = "/admin/subscriptions"
FROM_SETTINGS: Final = "settings"
FROM_ADMIN: Final = "admin"
UNUSABLE: Final = "unusable"
"""The state of one that was added and does not fit the settings of today."""

Endpoint = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class SubscriptionView(msgspec.Struct, frozen=True):
    """One subscription and how it is."""

    name: str
    resource: str
    endpoint: str
    """Without its query, which may be a secret."""
    origin: str
    """FROM_SETTINGS or FROM_ADMIN."""
    is_paused: bool
    state: str
    """How far its handshake is (`events.handshake`), or UNUSABLE."""
    why: str
    """What came of its last attempt, in words."""
    validation_url: str
    """Where consent can be given by hand; empty where it need not, or cannot."""
    failover: str
    """The same of its failover endpoint, state and words; empty where it has none."""
    waiting: int
    """Events on their way to it."""
    created_at: str | None
    """When it was added; None for one of the settings."""
    rows: dict[str, object]
    """What it sets, in the words of [[subscription]]; the defaults are left out, and secrets are ***."""


class SubscriptionsView(msgspec.Struct, frozen=True):
    """The answer of GET /admin/subscriptions."""

    subscriptions: tuple[SubscriptionView, ...]


class RemovedView(msgspec.Struct, frozen=True):
    """The answer of DELETE."""

    name: str
    dropped: int
    """Events that were on their way to it, and are not tried again."""
    is_told: bool
    """Whether its endpoint is sent a SubscriptionDeletedEvent."""


class TestView(msgspec.Struct, frozen=True):
    """The answer of POST …/test."""

    name: str
    event_id: str
    status: int | None
    """What the endpoint answered; None when no answer came."""
    is_delivered: bool
    """Whether an event would count as delivered by that."""
    took_ms: float
    answer_octets: int
    why: str
    """In words."""


class Subscriptions(Protocol):
    """The server's subscriptions. Every method raises NotThere for a name that is not there, and those that change
    something raise StoreUnavailable, and nothing is changed.
    """

    def shown(self) -> SubscriptionsView:
        """All of them, those of the settings first."""

    def one(self, name: str) -> SubscriptionView:
        """One."""

    async def add(self, document: Mapping[str, object]) -> SubscriptionView:
        """One more. Raises BodyInvalid; Conflict for a name that is there, or when there are too many."""

    async def change(self, name: str, document: Mapping[str, object], *, whole: bool) -> SubscriptionView:
        """The same one with other rows: all of them, or these. Raises BodyInvalid; Conflict for one of the settings."""

    async def remove(self, name: str) -> RemovedView:
        """One less. Raises Conflict for one of the settings."""

    async def pause(self, name: str) -> SubscriptionView:
        """Tell it nothing for now."""

    async def resume(self, name: str) -> SubscriptionView:
        """Tell it again."""

    async def validate(self, name: str) -> SubscriptionView:
        """Begin its handshake anew, unless it is valid. Raises Conflict for one that is unusable."""

    async def test(self, name: str) -> TestView:
        """Send it one event that is made up. Raises Conflict for one that is unusable, Unavailable."""


class SubscriptionPaths:
    """What is answered below PATH."""

    def __init__(self, subscriptions: Subscriptions, limits: BodyLimits) -> None:
        self._subscriptions = subscriptions
        self._limits = limits

    def methods(self, request: web.BaseRequest) -> Mapping[str, Endpoint] | None:
        """What each method does on the path of the request; None where there is no such path."""
        if request.path == PATH:
            return {"GET": self._list, "HEAD": self._list, "POST": self._add}
        name, verb = self._parts(request)
        if not name:
            return None
        if not verb:
            return {
                "GET": self._show,
                "HEAD": self._show,
                "PUT": self._replace,
                "PATCH": self._patch,
                "DELETE": self._remove,
            }
        act = self._verbs().get(verb)
        return {"POST": act} if act is not None else None

    def _verbs(self) -> Mapping[str, Endpoint]:
        it = self._subscriptions
        return {
            "/pause": self._acting(it.pause),
            "/resume": self._acting(it.resume),
            "/validate": self._acting(it.validate),
            "/test": self._acting(it.test),
        }

    def _parts(self, request: web.BaseRequest) -> tuple[str, str]:
        """The name, decoded after the path was split, because it may have a slash in it; and what follows it."""
        name, slash, verb = request.rel_url.raw_path.removeprefix(f"{PATH}/").partition("/")
        return unquote(name), slash + verb

    def _name(self, request: web.BaseRequest) -> str:
        return self._parts(request)[0]

    def _acting(self, act: Callable[[str], Awaitable[object]]) -> Endpoint:
        async def endpoint(request: web.BaseRequest) -> web.StreamResponse:
            return reply.json_reply(await act(self._name(request)))

        return endpoint

    async def _list(self, request: web.BaseRequest) -> web.StreamResponse:
        return reply.json_reply(self._subscriptions.shown())

    async def _show(self, request: web.BaseRequest) -> web.StreamResponse:
        return reply.json_reply(self._subscriptions.one(self._name(request)))

    async def _add(self, request: web.BaseRequest) -> web.StreamResponse:
        return reply.json_reply(await self._subscriptions.add(await json_object(request, self._limits)), 201)

    async def _replace(self, request: web.BaseRequest) -> web.StreamResponse:
        document = await json_object(request, self._limits)
        return reply.json_reply(await self._subscriptions.change(self._name(request), document, whole=True))

    async def _patch(self, request: web.BaseRequest) -> web.StreamResponse:
        document = await json_object(request, self._limits)
        return reply.json_reply(await self._subscriptions.change(self._name(request), document, whole=False))

    async def _remove(self, request: web.BaseRequest) -> web.StreamResponse:
        return reply.json_reply(await self._subscriptions.remove(self._name(request)))
