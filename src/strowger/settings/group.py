"""The tables [[group]]: several members behind the id of one user or number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from strowger.calls.groups import MEMBERS
from strowger.calls.spelling import spellings
from strowger.settings import kinds, reader
from strowger.settings.quantity import duration
from strowger.settings.row import row

LEAST_STATUS: Final = 300
MOST_STATUS: Final = 699
"""Final responses that are no answer (RFC 3261 §7.2)."""
_STATUSES: Final = kinds.count(LEAST_STATUS, MOST_STATUS)


class Named(NamedTuple):
    """One member as it is written."""

    who: str
    """A user by name or id, or a number."""
    time_s: float | None
    """How long it rings; None for as long as is usual in its group."""


def named(text: str) -> Named:
    """`who` or `who@20s`. A name that has an @ of its own stays whole, unless what follows is a duration."""
    who, _, time = text.rpartition("@")
    try:
        return Named(who, duration(time)) if who else Named(text, None)
    except ValueError:
        return Named(text, None)


class HasId(NamedTuple):
    """Somebody who can be behind a word."""

    resource: str
    raw_id: str


def found_by(users: Iterable[tuple[str, str, str]]) -> dict[str, HasId]:
    """Whom each word means, in lower case; `users` as resource, name and raw id."""
    return {
        word.lower(): HasId(resource, raw_id)
        for resource, name, raw_id in users
        for word in spellings(name, raw_id)
    }


MEMBER_LIST: Final = kinds.Kind(
    "members",
    f'["alice", "bob@20s", "+31612345678@25s", …], up to {MEMBERS}',
    reader.each(reader.line, 1, MEMBERS),
    (),
    from_text=kinds.list_from_text,
)
STATUS_LIST: Final = kinds.Kind(
    "statuses",
    f"[486, 603, …], from {LEAST_STATUS} to {MOST_STATUS}; empty for none",
    reader.each(_STATUSES.read, 0, 100),
    (),
    from_text=kinds.json_value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Several members behind one id."""

    id: str = row(
        kinds.TEXT,
        None,
        "Behind whose id: a [[user]] by name or id, or a [[number]]. Its calls, and those redirected to it, ring at "
        "the members; applications are told of them as of any other call to that id.",
    )
    mode: Literal["all", "in-order"] = row(
        kinds.choice("all", "in-order"),
        "all",
        "all: every member rings at once, for limits.ring, and the first answer wins. in-order: one after the other.",
    )
    members: tuple[str, ...] = row(
        MEMBER_LIST,
        None,
        "Users of the same resource by name or id, and numbers outside in E.164 form. In order each may say how long "
        "it rings. A user that is a group itself is rung at its own phones, so it has to be a member of its own group.",
    )
    member_time: float = row(
        kinds.DURATION, "20s", "In order, how long a member rings that does not say it; all within limits.ring_budget."
    )
    ends_on: tuple[int, ...] = row(
        STATUS_LIST,
        [486, 603],
        "Final responses of one member after which nobody else is rung. Where all ring at once only those of 600 and "
        "above count: one that is busy does not speak for the others.",
    )
