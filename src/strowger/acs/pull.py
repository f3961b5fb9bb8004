"""The wire of pull: how an application that cannot be called fetches its events. Ours, and beside all paths of ACS.

    GET  /strowger/subscriptions/{name}/events?after=ID&wait=25s&limit=N    those that wait, or the next within the wait
    GET  the same, Accept: text/event-stream                                all of them, as they come
    POST /strowger/subscriptions/{name}/events:acknowledge                  {"upTo": ID} or {"ids": [ID, …]}

What is not acknowledged is given again, to whoever does not say that it has it: by `after`, or by Last-Event-ID.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from strowger.acs.awaited import awaited
from strowger.acs.errors import JSON_CONTENT_TYPE, ArgumentInvalid, MethodRefused, PathUnknown, ReadersTooMany
from strowger.acs.event_stream import BEGINNING, EventStream, Reading
from strowger.acs.message import Reply, Request
from strowger.acs.operations.body import decode
from strowger.calls.errors import CallError
from strowger.calls.pull import Acknowledged, PulledEvent, PullQueues

PREFIX: Final = "/strowger/"
MOST_EVENTS: Final = 100
"""Events of one answer, also when no limit is named."""
MOST_ACKNOWLEDGED: Final = 1_000
"""Ids in one acknowledgement."""
LARGEST_ID: Final = (1 << 53) - 1
"""What every JSON reader represents exactly."""
_EVENT_STREAM: Final = "text/event-stream"
_STREAM_HEADERS: Final = (
    ("Content-Type", _EVENT_STREAM),
    ("Cache-Control", "no-store"),
    ("X-Accel-Buffering", "no"),  # a reverse proxy that collects octets would hold events back
)
_PATH: Final = re.compile(r"/strowger/subscriptions/([^/]+)/events(:acknowledge)?", re.ASCII)
_WAIT: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)s?", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,16}", re.ASCII)
_QUERY: Final = ("after", "wait", "limit", "api-version")


class PullSettings(msgspec.Struct, frozen=True):
    """What an operator may want otherwise."""

    wait_s: float = 60.0
    """Longest wait of one poll; for more 400."""
    keep_alive_s: float = 15.0
    """How long a stream may be silent."""
    stream_s: float = 3_600.0
    """How long one stream lasts; its reader then comes again, with a credential."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """What a request is about."""

    name: str
    """The subscription's, decoded."""
    acknowledges: bool


class _Event(msgspec.Struct, frozen=True, gc=False):
    id: int
    event: msgspec.Raw


class _Events(msgspec.Struct, frozen=True, gc=False):
    events: list[_Event]
    last: int


_Id = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]


class _Acknowledgement(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    up_to: _Id = 0
    ids: Annotated[Sequence[_Id], msgspec.Meta(max_length=MOST_ACKNOWLEDGED)] = ()


class _Asked(msgspec.Struct, frozen=True, gc=False):
    after: int
    wait_s: float
    limit: int


_encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(_Acknowledgement)


def place_of(method: str, path: str) -> Place:
    """What a request is about, before anybody is asked who sends it. Raises PathUnknown, MethodRefused."""
    found = _PATH.fullmatch(path.replace("%3A", ":").replace("%3a", ":"))
    if found is None:
        raise PathUnknown("Events are fetched at /strowger/subscriptions/NAME/events.")
    acknowledges = found[2] is not None
    allowed = "POST" if acknowledges else "GET"
    if method != allowed:
        raise MethodRefused(f"This path is used with {allowed} only.", headers=(("Allow", allowed),))
    return Place(unquote(found[1]), acknowledges)


class PullApi:
    """What readers are answered. Who asks is known by then."""

    def __init__(self, queues: PullQueues, settings: PullSettings | None = None) -> None:
        self._queues: Final = queues
        self._settings: Final = settings or PullSettings()

    async def answer(self, place: Place, resource: str, request: Request) -> Reply:
        """The reply to a request of `resource`. Raises RequestRefused, StoreUnavailable."""
        subscription = f"{resource}/{place.name}"
        if not self._queues.has(subscription):
            raise PathUnknown(f'The resource {resource} has no subscription {place.name!r} with delivery = "pull".')
        if place.acknowledges:
            return await self._acknowledge(subscription, request.body)
        asked = self._asked(request)
        if _EVENT_STREAM in (request.headers.first("accept") or "").lower():
            return self._stream(subscription, asked, request)
        return await self._poll(subscription, asked, request)

    async def _acknowledge(self, subscription: str, body: bytes) -> Reply:
        read = decode(_decoder, body)
        if not read.up_to and not read.ids:
            raise ArgumentInvalid("The body names no event: give upTo or ids.", "upTo")
        if self._queues.begin(read.up_to) != read.up_to:
            raise ArgumentInvalid(f"No event has had the id {read.up_to} yet.", "upTo")
        what = Acknowledged(read.up_to, read.ids)
        error: CallError | None = await awaited(lambda done: self._queues.acknowledge(subscription, what, done))
        if error is not None:
            raise error
        return Reply(204)

    async def _poll(self, subscription: str, asked: _Asked, request: Request) -> Reply:
        after = self._queues.begin(asked.after)
        events = self._queues.waiting(subscription, after, asked.limit)
        if not events and asked.wait_s:
            events = await self._wait(subscription, after, asked, request)
        shown = [_Event(each.number, msgspec.Raw(each.body)) for each in events]
        last = events[-1].number if events else after
        headers = (("Content-Type", JSON_CONTENT_TYPE), ("Cache-Control", "no-store"))
        return Reply(200, headers, _encode(_Events(shown, last)))

    async def _wait(self, subscription: str, after: int, asked: _Asked, request: Request) -> list[PulledEvent]:
        reading = self._join(subscription, request)
        try:
            events: list[PulledEvent] = []
            end = reading.now() + asked.wait_s
            while not events and not reading.is_over and await reading.woken(end - reading.now()):
                events = self._queues.waiting(subscription, after, asked.limit)
            return events
        finally:
            self._queues.leave(subscription, reading)

    def _stream(self, subscription: str, asked: _Asked, request: Request) -> Reply:
        after = self._queues.begin(asked.after)
        reading = self._join(subscription, request)
        settings = self._settings
        pieces = EventStream(
            self._queues,
            subscription,
            after,
            reading,
            keep_alive_s=settings.keep_alive_s,
            lasts_s=settings.stream_s,
        )
        return Reply(200, _STREAM_HEADERS, BEGINNING, pieces)

    def _join(self, subscription: str, request: Request) -> Reading:
        reading = Reading()
        if not self._queues.join(subscription, reading):
            raise ReadersTooMany("No further reader can wait for the events of this subscription just now.")
        if request.when_gone is not None:
            request.when_gone(reading.end)
        return reading

    def _asked(self, request: Request) -> _Asked:
        query = _query(request.query)
        written = request.headers.first("last-event-id")
        after = _number(query.get("after", "0") if written is None else written, "after", 0, LARGEST_ID)
        limit = _number(query.get("limit", str(MOST_EVENTS)), "limit", 1, MOST_EVENTS)
        return _Asked(after, self._wait_of(query.get("wait", "0")), limit)

    def _wait_of(self, written: str) -> float:
        found = _WAIT.fullmatch(written)
        if found is None or float(found[1]) > self._settings.wait_s:
            raise ArgumentInvalid(f"wait is a number of seconds up to {self._settings.wait_s:g}, like 25s.", "wait")
        return float(found[1])


def _query(text: str) -> dict[str, str]:
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=len(_QUERY))
    except ValueError:
        raise ArgumentInvalid("There are more parameters than this path has.") from None
    query = dict(fields)
    if len(query) < len(fields):
        raise ArgumentInvalid("A parameter is there twice.")
    for name in query:
        if name not in _QUERY:
            raise ArgumentInvalid(f"There is no parameter {name!r}; there are {', '.join(_QUERY)}.", name)
    return query


def _number(written: str, name: str, least: int, most: int) -> int:
    if _NUMBER.fullmatch(written) is None or not least <= int(written) <= most:
        where = "after, or Last-Event-ID," if name == "after" else name
        raise ArgumentInvalid(f"{where} is a whole number from {least} to {most}.", name)
    return int(written)
