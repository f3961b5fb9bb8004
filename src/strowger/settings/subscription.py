"""The tables [[subscription]]: which applications are told of calls, and of which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from strowger.events.errors import FilterInvalid
from strowger.events.filters import (
    MOST_FILTERS,
    AdvancedFilter,
    Takes,
    advanced_filter,
    operator_of,
    require_within_limits,
    takes_of,
)
from strowger.events.terms import (
    LONGEST_LIFE_S,
    MOST_ATTEMPTS,
    MOST_BATCH_EVENTS,
    MOST_BATCH_OCTETS,
    SHORTEST_LIFE_S,
)
from strowger.settings import kinds, quantity, reader
from strowger.settings.row import row

_MEMBERS: Final = ("operatorType", "key", "value", "values")
_KNOWN: Final = {name.lower(): name for name in _MEMBERS}


def _advanced_filter(value: object) -> AdvancedFilter:
    """One filter as Event Grid writes it; names in any case. Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError(f"this is not a table of {', '.join(_MEMBERS)}")
    unknown = [name for name in value if str(name).lower() not in _KNOWN]
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r} in a filter; there are {', '.join(_MEMBERS)}")
    members = {_KNOWN[name.lower()]: each for name, each in value.items()}
    if len(members) < len(value):
        raise ValueError("a name is there twice")
    for name in ("operatorType", "key"):
        if not isinstance(members.get(name), str):
            raise ValueError(f"{name} is required, and a text")
    try:
        operator = operator_of(members["operatorType"])
        return advanced_filter(operator, members["key"], _values(takes_of(operator), operator, members))
    except FilterInvalid as error:
        raise ValueError(str(error)) from error


def _values(takes: Takes, operator: str, members: Mapping[str, Any]) -> list[Any]:
    """What the operator compares with, as a list."""
    given = [name for name in ("value", "values") if name in members]
    expected = [] if takes is Takes.NOTHING else [takes.value]
    if given != expected:
        wanted = " and ".join(expected) or "neither value nor values"
        raise ValueError(f"{operator} takes {wanted}, and has {' and '.join(given) or 'none'}")
    if takes is Takes.VALUE:
        return [members["value"]]
    values = members.get("values", [])
    if not isinstance(values, list):
        raise ValueError("values is a list")
    return values


_each_filter: Final = reader.each(_advanced_filter, 0, MOST_FILTERS)


def _advanced_filters(value: object) -> tuple[AdvancedFilter, ...]:
    """All filters of a subscription. Raises ValueError."""
    filters = _each_filter(value)
    try:
        require_within_limits(filters)
    except FilterInvalid as error:
        raise ValueError(str(error)) from error
    return filters


ADVANCED_FILTERS: Final = kinds.Kind(
    "filters",
    '[{operatorType = "StringBeginsWith", key = "data.to.rawId", values = ["4:+31"]}, …]',
    _advanced_filters,
    (),
    from_text=kinds.json_value,
)


def _event_life(value: object) -> float:
    """A duration within the bounds of Event Grid. Raises ValueError."""
    seconds = quantity.duration(value)
    if not SHORTEST_LIFE_S <= seconds <= LONGEST_LIFE_S:
        raise ValueError("this lies between 1m and 1440m")
    return seconds


EVENT_LIFE: Final = kinds.Kind(
    "duration", '"90s", "10m", "24h" or a number of seconds', _event_life, 60.0, unit="seconds"
)
PUSH_ONLY: Final = (
    "endpoint",
    "failover_endpoint",
    "headers",
    "headers_from",
    "signing_secrets",
    "batch_events",
    "batch_kilobytes",
    "max_delivery_attempts",
)
"""What says how events are posted, and is refused where they are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One application that is told of calls."""

    resource: str = row(kinds.TEXT, None, "The resource whose events are sent.")
    name: str = row(kinds.TEXT, None, "A short name for commands and logs.")
    delivery: Literal["push", "pull"] = row(
        kinds.choice("push", "pull"),
        "push",
        "push: events are posted to the endpoint. pull: the application fetches them from the API, and needs no "
        "endpoint.",
    )
    endpoint: str = row(kinds.OPTIONAL_URL, "", 'Where events are posted; required unless delivery = "pull".')
    channel: Literal["acs", "outcomes"] = row(
        kinds.choice("acs", "outcomes"),
        "acs",
        "acs: the events of ACS. outcomes: what became of redirects, in types of our own, and nothing else.",
    )
    profile: Literal["telephony", "event-grid"] = row(
        kinds.choice("telephony", "event-grid"),
        "telephony",
        "telephony: repeat quickly, and only while the caller still waits. "
        "event-grid: the retry schedule of Event Grid.",
    )
    schema: Literal["event-grid", "cloudevents"] = row(
        kinds.choice("event-grid", "cloudevents"),
        "event-grid",
        "event-grid: an array of one event of Event Grid. cloudevents: one event of CloudEvents 1.0; the endpoint "
        "consents by OPTIONS.",
    )
    paused: Literal["off", "on"] = row(
        kinds.choice("off", "on"),
        "off",
        "on: it is there and told nothing, until strowger subscription resume. What is said of it at run time holds "
        "over a restart.",
    )
    batch_events: int = row(
        kinds.count(1, MOST_BATCH_EVENTS),
        1,
        "Events in one request at the most; more than one only where several wait anyway, so that none is late. They "
        "are delivered or refused together.",
    )
    batch_kilobytes: int = row(kinds.count(1, MOST_BATCH_OCTETS // 1_024), 64, "The same in KiB; one always goes.")
    max_delivery_attempts: int = row(
        kinds.count(1, MOST_ATTEMPTS), MOST_ATTEMPTS, "For the profile event-grid: how often an event is tried."
    )
    event_time_to_live: float = row(
        EVENT_LIFE, "1440m", "For the profile event-grid: how long an event is tried, from 1m to 1440m."
    )
    failover_endpoint: str = row(
        kinds.OPTIONAL_URL,
        "",
        "Where events go as well, at once, when the endpoint does not answer or answers with a 5xx; it is asked for "
        "its consent like the endpoint. Empty for nowhere.",
    )
    headers: tuple[str, ...] = row(
        kinds.HEADERS, [], "Headers of every request, those of the handshake too; up to ten together with headers_from."
    )
    signing_secrets: tuple[str, ...] = row(
        kinds.SIGNING_SECRETS,
        [],
        "What its requests are signed with, as Standard Webhooks has it (webhook-signature); the second is for "
        "changing the first. strowger subscription secret makes one.",
    )
    headers_from: tuple[str, ...] = row(
        kinds.HEADERS_FROM, [], "Headers of every event that take their values from it, each from the member it names."
    )
    included_event_types: tuple[str, ...] = row(
        kinds.EVENT_TYPES,
        [],
        "Which types of event are sent; empty, or All, for every type of the channel. A call of whose IncomingCall no "
        "subscription is told has no application: its phones ring, or its caller gets 480 at once.",
    )
    subject_begins_with: str = row(
        kinds.OPTIONAL_TEXT,
        "",
        "How the subject begins, that of IncomingCall being /caller/RAWID/recipient/RAWID; empty for all.",
    )
    subject_ends_with: str = row(kinds.OPTIONAL_TEXT, "", "How the subject ends; empty for all.")
    subject_case_sensitive: Literal["off", "on"] = row(
        kinds.choice("off", "on"), "off", "on: for the subject capital letters are not small ones."
    )
    advanced_filters: tuple[AdvancedFilter, ...] = row(
        ADVANCED_FILTERS,
        [],
        "What else must hold, all of it, in the words of Event Grid: up to 25 filters with 25 values in all and 512 "
        "characters in each. A key is data.NAME.NAME… or a member of the envelope: id, topic, subject, eventType, "
        "dataVersion; of CloudEvents id, source, subject, type, specversion. Its case does not matter, nor that of "
        "texts.",
    )
    advanced_filtering_on_arrays: Literal["off", "on"] = row(
        kinds.choice("off", "on"),
        "off",
        "on: of a list in the event each entry is asked (enableAdvancedFilteringOnArrays).",
    )
