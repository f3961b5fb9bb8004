"""Events that were given up, as the admin API shows them and sends them again, and what it asks of the server for that.

    GET    /admin/dead-letters?limit=&subscription=   the newest first; a subscription by its resource/name
    GET    /admin/dead-letters/{id}                   one with its event; a beginning of its id is enough
    POST   /admin/dead-letters/{id}/resend            send it again; with {"event": {…}} that event in its place
    DELETE /admin/dead-letters/{id}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import msgspec
from aiohttp import web

from strowger.console import reply
from strowger.console.body import BodyLimits, json_object
from strowger.console.errors import BodyInvalid, QueryInvalid

PATH: Final = "/admin/dead-letters"
SHOWN: Final = 50
"""Letters in a list, unless the client asks for fewer or more."""
MOST_SHOWN: Final = 1_000

Endpoint = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class DeadLetterView(msgspec.Struct, frozen=True):
    """One event that was given up; what Event Grid writes of one has its names here, spelt in our way."""

    letter_id: str
    subscription: str
    """`resource/name`."""
    call_id: str
    event_id: str
    event_type: str
    dead_letter_reason: str
    why: str
    """What came of the last attempt, in words."""
    delivery_attempts: int
    last_delivery_outcome: str
    publish_time: str
    last_delivery_attempt_time: str | None
    """None for one that was never tried."""
    died_at: str
    octets: int


class DeadLettersView(msgspec.Struct, frozen=True):
    """The answer of GET /admin/dead-letters."""

    dead_letters: tuple[DeadLetterView, ...]
    kept: int
    """How many there are in all."""


class WholeLetterView(msgspec.Struct, frozen=True):
    """The answer of GET /admin/dead-letters/{id}."""

    letter: DeadLetterView
    event: msgspec.Raw
    """As it is stored: in the Event Grid schema."""


class LetterGoneView(msgspec.Struct, frozen=True):
    """The answer of POST …/resend, and of DELETE."""

    letter_id: str
    event_id: str
    is_resent: bool


class DeadLetters(Protocol):
    """The server's dead letters. Every method raises StoreUnavailable; those for one NotThere."""

    def newest(self, limit: int, subscription: str) -> DeadLettersView:
        """The newest ones first."""

    def one(self, letter_id: str) -> WholeLetterView:
        """One by its id, or by a beginning of it that no other has."""

    async def resend(self, letter_id: str, event: Mapping[str, object] | None) -> LetterGoneView:
        """Send one again, or another event in its place. Raises BodyInvalid; Conflict where nobody would get it."""

    async def remove(self, letter_id: str) -> LetterGoneView:
        """Forget one."""


class DeadLetterPaths:
    """What is answered at and below PATH."""

    def __init__(self, letters: DeadLetters, limits: BodyLimits) -> None:
        self._letters = letters
        self._limits = limits

    def methods(self, request: web.BaseRequest) -> Mapping[str, Endpoint] | None:
        """What each method does on the path of the request; None where there is no such path."""
        if request.path == PATH:
            return {"GET": self._list, "HEAD": self._list}
        letter_id, slash, verb = request.path.removeprefix(f"{PATH}/").partition("/")
        if not letter_id:
            return None
        if not slash:
            return {"GET": self._show, "HEAD": self._show, "DELETE": self._remove}
        return {"POST": self._resend} if verb == "resend" else None

    async def _list(self, request: web.BaseRequest) -> web.StreamResponse:
        query = dict(request.query)
        if len(query) < len(request.query) or set(query) - {"limit", "subscription"}:
            raise QueryInvalid("There are the parameters limit and subscription, each of them once.")
        return reply.json_reply(self._letters.newest(_limit(query.get("limit", "")), query.get("subscription", "")))

    async def _show(self, request: web.BaseRequest) -> web.StreamResponse:
        return reply.json_reply(self._letters.one(_letter_id(request)))

    async def _resend(self, request: web.BaseRequest) -> web.StreamResponse:
        document = await json_object(request, self._limits) if request.can_read_body else {}
        event = document.get("event")
        if set(document) - {"event"} or not (event is None or isinstance(event, dict)):
            raise BodyInvalid('The body is empty, or {"event": {…}}: the event to send in the place of the old one.')
        return reply.json_reply(await self._letters.resend(_letter_id(request), event))

    async def _remove(self, request: web.BaseRequest) -> web.StreamResponse:
        return reply.json_reply(await self._letters.remove(_letter_id(request)))


def _letter_id(request: web.BaseRequest) -> str:
    return request.path.removeprefix(f"{PATH}/").partition("/")[0]


def _limit(text: str) -> int:
    if not text:
        return SHOWN
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST_SHOWN):
        raise QueryInvalid(f"limit is a number from 1 to {MOST_SHOWN}.")
    return int(text)
