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
from strowger.settings import kinds, reader
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One application that is told of calls."""

    resource: str = row(kinds.TEXT, None, "The resource whose events are sent.")
    name: str = row(kinds.TEXT, None, "A short name for commands and logs.")
    endpoint: str = row(kinds.URL, None, "Where events are posted.")
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
        "Which types of event are sent; empty, or All, for every type. A call of which no subscription is told has no "
        "application: its phones ring, or its caller gets 480 at once.",
    )
    subject_begins_with: str = row(
        kinds.OPTIONAL_TEXT, "", "How the subject begins, /caller/RAWID/recipient/RAWID; empty for all."
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
