"""The Event Grid schema: events, headers and the handshake's answer, with every wire spelling of this room.

Implements the Event Grid envelope (Event Grid: event schema), the IncomingCall event (ACS: IncomingCall) and the
validation event (Event Grid: webhook event delivery). What is sent when, and to whom, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from strowger.calls.call import Call, Hop, Opening
from strowger.calls.identifier import from_raw_id
from strowger.events.identifiers import CommunicationIdentifierModel, to_wire

INCOMING_CALL: Final = "Microsoft.Communication.IncomingCall"
SUBSCRIPTION_VALIDATION: Final = "Microsoft.EventGrid.SubscriptionValidationEvent"
SUBSCRIPTION_DELETED: Final = "Microsoft.EventGrid.SubscriptionDeletedEvent"
DATA_VERSION: Final = "1.0"
VALIDATION_DATA_VERSION: Final = "1"
METADATA_VERSION: Final = "1"
"""Readers refuse any other value."""
CONTENT_TYPE: Final = "application/json; charset=utf-8"

_NO_HEADERS: Final[Mapping[str, str]] = {}
_TO_MICROSECONDS: Final = len("2022-08-25T19:27:24.241539")


class CustomContext(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Headers that came with the call. Both dictionaries are always there: SDKs read them without asking."""

    sip_headers: Mapping[str, str]
    voip_headers: Mapping[str, str]


class RedirectFailure(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Why a call is here again. Our own member of `data`: readers of the published ones pass over it."""

    target: CommunicationIdentifierModel
    """Whom it led nowhere to."""
    sip_code: int
    """What the caller is told if nobody decides."""
    reason_phrase: str
    why: str
    q850_cause: int = 0
    """Absent when the target gave none."""


class IncomingCallMembers(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The `data` of an IncomingCall event (ACS: IncomingCall)."""

    to: CommunicationIdentifierModel
    caller: CommunicationIdentifierModel = msgspec.field(name="from")
    server_call_id: str
    caller_display_name: str
    """Empty when unknown, never absent and never null."""
    custom_context: CustomContext
    incoming_call_context: str
    correlation_id: str
    expires_on: str
    """Until when the application can decide: UTC, ISO 8601. Our own member too."""
    redirect_failure: RedirectFailure | msgspec.UnsetType = msgspec.UNSET
    """Only of a call that was returned (docs/decisions/0014-second-chance-and-defaults.md)."""


class IncomingCallEvent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One IncomingCall in its envelope (Event Grid: event schema)."""

    id: str
    topic: str
    subject: str
    data: IncomingCallMembers
    event_type: str
    data_version: str
    metadata_version: str
    event_time: str


class ValidationMembers(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The `data` of a validation event: echo the code, or open the URL."""

    validation_code: str
    validation_url: str


class ValidationEvent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One validation event in its envelope (Event Grid: webhook event delivery)."""

    id: str
    topic: str
    subject: str
    data: ValidationMembers
    event_type: str
    event_time: str
    metadata_version: str
    data_version: str


class DeletionMembers(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The `data` of the event that a subscription is gone."""

    event_subscription_id: str


class DeletionEvent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """That event in its envelope (Event Grid: webhook event delivery)."""

    id: str
    topic: str
    subject: str
    data: DeletionMembers
    event_type: str
    event_time: str
    metadata_version: str
    data_version: str


_encoder: Final = msgspec.json.Encoder()


def resource_topic(resource_id: str, resource: str) -> str:
    """The topic of a resource: the path Azure would give it, with the resource id in the place of the subscription."""
    return (
        f"/subscriptions/{resource_id}/resourcegroups/strowger"
        f"/providers/microsoft.communication/communicationservices/{resource}"
    )


def event_time(wall: float) -> str:
    """Wall-clock seconds as events write them: UTC, seven fraction digits, Z."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="microseconds")[:_TO_MICROSECONDS] + "0Z"


def incoming_call(
    call: Call, context: str, topic: str, wall: float, *, display_name: str, headers: Mapping[str, str]
) -> bytes:
    """The IncomingCall event of a call's current hop, as one JSON object without the surrounding array.

    Display name and headers are given apart from the call because an oversize event is written again with less.
    """
    until = event_time(call.hop.open_until)
    return _encoder.encode(_incoming_call(call, context, topic, event_time(wall), until, display_name, headers))


def filterable(call: Call, topic: str) -> dict[str, object]:
    """The same event as filters see it: everything that the caller sent, even what an oversize event leaves out.

    What is only known once it is written, its times and its context, is blank.
    """
    event = _incoming_call(call, "", topic, "", "", call.display_name, call.custom_headers)
    members: dict[str, object] = msgspec.to_builtins(event)
    return members


def _incoming_call(
    call: Call, context: str, topic: str, at: str, until: str, display_name: str, headers: Mapping[str, str]
) -> IncomingCallEvent:
    hop = call.hop
    members = IncomingCallMembers(
        to=to_wire(hop.to),
        caller=to_wire(call.caller),
        server_call_id=call.server_call_id,
        caller_display_name=display_name,
        custom_context=CustomContext(headers, _NO_HEADERS),
        incoming_call_context=context,
        correlation_id=call.call_id,
        expires_on=until,
        redirect_failure=_redirect_failure(hop),
    )
    return IncomingCallEvent(
        id=hop.event_id,
        topic=topic,
        subject=f"/caller/{call.caller.raw_id}/recipient/{hop.to.raw_id}",
        data=members,
        event_type=INCOMING_CALL,
        data_version=DATA_VERSION,
        metadata_version=METADATA_VERSION,
        event_time=at,
    )


def _redirect_failure(hop: Hop) -> RedirectFailure | msgspec.UnsetType:
    failure = hop.failure
    if failure is None or hop.opening is not Opening.RETURNED:
        return msgspec.UNSET
    return RedirectFailure(
        target=to_wire(from_raw_id(failure.target)),
        sip_code=failure.status,
        reason_phrase=failure.reason,
        why=failure.why,
        q850_cause=failure.cause,
    )


def subscription_validation(event_id: str, topic: str, code: str, url: str, wall: float) -> bytes:
    """The validation event, as one JSON object without the surrounding array."""
    event = ValidationEvent(
        id=event_id,
        topic=topic,
        subject="",
        data=ValidationMembers(code, url),
        event_type=SUBSCRIPTION_VALIDATION,
        event_time=event_time(wall),
        metadata_version=METADATA_VERSION,
        data_version=VALIDATION_DATA_VERSION,
    )
    return _encoder.encode(event)


def subscription_deleted(event_id: str, topic: str, name: str, wall: float) -> bytes:
    """The event that the subscription `name` is gone, as one JSON object without the surrounding array."""
    event = DeletionEvent(
        id=event_id,
        topic=topic,
        subject="",
        data=DeletionMembers(f"{topic}/providers/Microsoft.EventGrid/eventSubscriptions/{name}"),
        event_type=SUBSCRIPTION_DELETED,
        event_time=event_time(wall),
        metadata_version=METADATA_VERSION,
        data_version=VALIDATION_DATA_VERSION,
    )
    return _encoder.encode(event)


def validation_response(body: bytes) -> str | None:
    """The code that an endpoint echoes, or None when its answer holds none. The member's case does not matter."""
    try:
        answer = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    for name, value in answer.items():
        if name.lower() == "validationresponse" and isinstance(value, str):
            return value
    return None


def request_body(*events: bytes) -> bytes:
    """What is POSTed: an array, of exactly one event unless more were asked for: sample applications look at the first
    only.
    """
    return b"[" + b",".join(events) + b"]"


def notification_headers(subscription_name: str) -> dict[str, str]:
    """The headers that every event of a subscription shares."""
    return _headers(subscription_name, "Notification", DATA_VERSION)


def attempt_headers(event_id: str, attempts_before: int) -> dict[str, str]:
    """The headers of one attempt. The first one counts 0: how Azure counts is not published. Several events have no
    `event_id`.
    """
    headers = {"aeg-delivery-count": str(attempts_before)}
    if event_id:
        headers["aeg-output-event-id"] = event_id
    return headers


def validation_headers(subscription_name: str) -> dict[str, str]:
    """The headers of a subscription's validation event."""
    return {**_headers(subscription_name, "SubscriptionValidation", VALIDATION_DATA_VERSION), "aeg-delivery-count": "0"}


def deletion_headers(subscription_name: str) -> dict[str, str]:
    """The headers of the event that a subscription is gone."""
    return {**_headers(subscription_name, "SubscriptionDeletion", VALIDATION_DATA_VERSION), "aeg-delivery-count": "0"}


def _headers(subscription_name: str, event_type: str, data_version: str) -> dict[str, str]:
    return {
        "Content-Type": CONTENT_TYPE,
        "aeg-event-type": event_type,
        "aeg-subscription-name": subscription_name.upper(),
        "aeg-data-version": data_version,
        "aeg-metadata-version": METADATA_VERSION,
    }
