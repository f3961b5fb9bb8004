"""The tables [[outside]]: what the applications of a resource may call outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strowger.calls.number_ranges import EMERGENCY
from strowger.settings import kinds
from strowger.settings.row import row


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What one resource may call outside."""

    resource: str = row(
        kinds.OPTIONAL_TEXT, "", "The resource it is for; empty for all that have no such table of their own."
    )
    allow: tuple[str, ...] = row(
        kinds.PREFIXES,
        ["+"],
        "How the numbers begin that calls may be redirected to. Where deny has a prefix too the longer one decides, "
        "and of equal ones deny.",
    )
    deny: tuple[str, ...] = row(
        kinds.PREFIXES, [], "How the numbers begin that calls may not be redirected to, beside those of costly."
    )
    costly: tuple[Literal["premium", "satellite", "networks"], ...] = row(
        kinds.words("premium", "satellite", "networks"),
        ["premium", "satellite", "networks"],
        "Dear ranges that are denied as well. premium: premium rate, of each country. satellite: satellite telephones. "
        "networks: personal numbers and networks of no country. Leave them out and write deny to have a list of yours.",
    )
    emergency: tuple[str, ...] = row(
        kinds.SHORT_NUMBERS,
        list(EMERGENCY),
        "Emergency numbers: no call is redirected to one, nor a call to one of them to anybody outside.",
    )
    calls: int = row(
        kinds.count(0, 100_000),
        20,
        "Calls of the resource to the outside at one time, from the redirect until they are hung up, or are taken for "
        "over (longest_call, assumed_call); beyond it 429 with 8530. 0 for no limit, as in the rest.",
    )
    calls_per_minute: int = row(
        kinds.count(0, 100_000), 10, "Its calls to the outside in any minute; beyond it 429 with 8516."
    )
    calls_per_day: int = row(
        kinds.count(0, 100_000), 1_000, "Its calls to the outside in any 24 hours; beyond it 429 with 8529."
    )
    caller_calls: int = row(
        kinds.count(0, 100_000),
        2,
        "The same as calls, of one caller; all who hide their number are one.",
    )
    caller_calls_per_minute: int = row(
        kinds.count(0, 100_000), 5, "The same as calls_per_minute, of one caller."
    )
    caller_calls_per_day: int = row(kinds.count(0, 100_000), 50, "The same as calls_per_day, of one caller.")
    minutes_per_day: int = row(
        kinds.count(0, 10_000_000),
        6_000,
        "Minutes that its calls to the outside talk in any 24 hours, in all; beyond it further ones get 429 with 8529.",
    )
    longest_call: float = row(
        kinds.DURATION,
        "4h",
        "When an answered call is taken for over whose end should come by us and does not. It is not cut off: we relay "
        "calls and cannot end them.",
    )
    assumed_call: float = row(
        kinds.DURATION,
        "5m",
        "When an answered call is taken for over whose end nobody tells us: with sip.record_route off, and after a "
        "restart.",
    )
    hairpin: Literal["allow", "refuse"] = row(
        kinds.choice("allow", "refuse"),
        "allow",
        "Whether a call of somebody outside may be redirected outside again. refuse: only calls of our users may be; "
        "for others 405 with 8520.",
    )
