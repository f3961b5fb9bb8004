"""CloudEvents 1.0: the same events in the other envelope, and the headers of its handshake.

Implements the JSON format and structured mode of CloudEvents as Event Grid sends them (Event Grid: CloudEvents schema),
and the header fields of abuse protection (CloudEvents: HTTP 1.1 Web Hooks §4). An event is stored in the Event Grid
schema and put into this envelope when it is sent, so that a subscription may change its schema while events wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from strowger.events.pace import MOST_PER_MINUTE

RATE_DIGITS: Final = 10
"""A longer number is no rate."""
SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
BATCH_CONTENT_TYPE: Final = "application/cloudevents-batch+json; charset=utf-8"
ORIGIN: Final = "eventgrid.azure.net"
"""Whom we say we are: applications compare it with the origin of Event Grid."""
ALLOWED_ORIGIN: Final = "WebHook-Allowed-Origin"
ALLOWED_RATE: Final = "WebHook-Allowed-Rate"

NOT_RETRIED: Final = frozenset((410, 415))
"""Statuses after which an event is given up, besides those of the setting: the endpoint is retired, or does not take
CloudEvents (CloudEvents: HTTP 1.1 Web Hooks §2.2)."""

_IN_URI: Final = "/:@!$&'()*+,;=-._~"
"""What a source keeps as it is, besides letters and digits (RFC 3986 §3.3)."""


class _Stored(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is taken of an event in the Event Grid schema; `data` stays the octets it is."""

    id: str
    topic: str
    subject: str
    event_type: str
    event_time: str
    data: msgspec.Raw


class CloudEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One event in its envelope (CloudEvents §3.1)."""

    specversion: str
    type: str
    source: str
    id: str
    time: str
    data: msgspec.Raw
    subject: str = ""
    """Absent when empty: the attribute must not be (CloudEvents §3.1.2)."""


_decoder: Final = msgspec.json.Decoder(_Stored)
_encoder: Final = msgspec.json.Encoder()


def cloud_event(event: bytes) -> bytes:
    """An event of the Event Grid schema, one JSON object, as a CloudEvent with the same `data`."""
    stored = _decoder.decode(event)
    return _encoder.encode(
        CloudEvent(
            specversion=SPEC_VERSION,
            type=stored.event_type,
            source=_source(stored.topic),
            id=stored.id,
            time=stored.event_time,
            data=stored.data,
            subject=stored.subject,
        )
    )


def filterable(event: Mapping[str, object]) -> dict[str, object]:
    """The attributes that only this envelope has, of an event in the Event Grid schema, as filters see them."""
    return {"specversion": SPEC_VERSION, "type": event["eventType"], "source": _source(str(event["topic"]))}


def _source(topic: str) -> str:
    return quote(topic, safe=_IN_URI)


def notification_headers(subscription_name: str, *, is_batch: bool = False) -> dict[str, str]:
    """The headers that every event of a subscription shares; there is no data version in this schema. A batch is an
    array, even of one event.
    """
    return {
        "Content-Type": BATCH_CONTENT_TYPE if is_batch else CONTENT_TYPE,
        "aeg-event-type": "Notification",
        "aeg-subscription-name": subscription_name.upper(),
        "aeg-metadata-version": SPEC_VERSION,
        "WebHook-Request-Origin": ORIGIN,
    }


def validation_headers(callback: str) -> dict[str, str]:
    """What the OPTIONS of the handshake asks; consent may also come as GET or POST to the URL `callback`."""
    return {"WebHook-Request-Origin": ORIGIN, "WebHook-Request-Callback": callback}


def is_allowed(allowed_origins: Iterable[str]) -> bool:
    """Whether an endpoint that answers with these values of WebHook-Allowed-Origin consents to our events.

    One is the rule; the middleware of Web PubSub gives a line to each of several origins.
    """
    return any(each.strip().lower() in ("*", ORIGIN) for value in allowed_origins for each in value.split(","))


def allowed_rate(values: Iterable[str]) -> int:
    """The requests a minute that an endpoint allows by these values of WebHook-Allowed-Rate, the least of several; 0
    for no limit, which is also what a value that cannot be read means: we did not ask for a rate.
    """
    texts = [each.strip() for value in values for each in value.split(",")]
    rates = [int(each) for each in texts if each.isascii() and each.isdigit() and len(each) < RATE_DIGITS]
    return min((each for each in rates if 0 < each <= MOST_PER_MINUTE), default=0)
