"""What happens to calls, told line by line: the running commentary of `strowger dev` and `strowger call watch`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from strowger.base.text import printable
from strowger.console.views import BranchView, CallView, GroupView, HopView, PartyView, seconds

SHORT_ID: Final = 8
"""Characters of a call's id in a line; more than enough to ask for it by them."""
NAME_LIMIT: Final = 60
_RAW_ID: Final = re.compile(r"(?<![\w:])8:acs:[0-9A-Za-z_-]+")
WHY_LIMIT: Final = 200
OPENS_A_HOP: Final = ("hold", "ring", "nobody")
"""What happens to a call when there is a new addressee."""


HUNT: Final = "hunt"
"""How the next member of a group comes about."""
_OPENINGS: Final = {"default": "by default to", "returned": "returned to", HUNT: "the group goes on for"}
"""How an addressee came about that no application chose just now."""
_MARKS: Final = {"default": "...", "returned": "---", HUNT: "..."}
JOINS_A_HOP: Final = "branch"
"""What happens when one more phone or trunk is rung for the same addressee."""


class Narrator:
    """Tells of calls; `names` has the short name of each raw id that has one, in lower case."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def name(self, party: PartyView) -> str:
        """How a person would call somebody: a user's name, a number without its prefix, or the raw id."""
        return printable(self._names.get(party.raw_id.lower()) or party.raw_id.removeprefix("4:"), NAME_LIMIT)

    def lines(self, call: CallView, what: str) -> list[str]:
        """What to say of one change of a call."""
        told: list[tuple[str, str]] = []
        if what in OPENS_A_HOP:
            told += self._opening(call)
        if what == JOINS_A_HOP:
            told.append(_joining(call.hops[-1]))
        if call.ended_at is not None:
            told.append((call.ended_at, _ending(call)))
        return [f"{clock(at)}  call {short_id(call)}  {text}" for at, text in told]

    def _opening(self, call: CallView) -> list[tuple[str, str]]:
        hop = call.hops[-1]
        if len(call.hops) == 1:
            first = f"INVITE  {self.name(call.from_)} -> {self.name(hop.to)}"
        else:
            came_about = self.came_about(hop)
            first = f"{_MARKS[hop.opening]} {came_about}" if came_about else f"<== redirect to {self.name(hop.to)}"
            first += f": {printable(hop.failure, WHY_LIMIT)}" if hop.failure else ""
        told = [first, *doing(hop)]
        if len(call.hops) == 1 and hop.event_id:
            told += [f"left out of it: {printable(header)}" for header in call.headers_left_out]
        return [(hop.opened_at, text) for text in told]

    def came_about(self, hop: HopView) -> str:
        """How an addressee came about that no application chose just now; empty for one that was."""
        return f"{_OPENINGS[hop.opening]} {self.name(hop.to)}" if hop.opening in _OPENINGS else ""

    def named(self, text: str) -> str:
        """A sentence of the server with names in the place of the raw ids that have one."""
        return _RAW_ID.sub(lambda found: self._names.get(found[0].lower(), found[0]), text)

    def journey(self, call: CallView) -> str:
        """Everybody the call went to, in order; a group once, however long it hunts."""
        parties = (hop.to for hop in call.hops if hop.opening != HUNT)
        return " -> ".join(self.name(party) for party in (call.from_, *parties))


def short_id(call: CallView) -> str:
    """The beginning of a call's id."""
    return printable(call.id[:SHORT_ID])


def clock(at: str) -> str:
    """An ISO time as local time of day, to the millisecond."""
    return datetime.fromtimestamp(seconds(at)).strftime("%H:%M:%S.") + at[-4:-1]


def lasted(begin: str, end: str) -> str:
    """How much time lies between two ISO times."""
    return f"{max(0.0, seconds(end) - seconds(begin)):.2f} s"


def span(of_s: float) -> str:
    """A number of seconds as a person says it, in at most two units."""
    minutes, seconds_ = divmod(round(max(of_s, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds_, "s")]
    first = next((place for place, (number, _) in enumerate(units) if number), len(units) - 1)
    shown = [f"{number} {unit}" for number, unit in units[first : first + 2] if number]
    return " ".join(shown) or "0 s"


def doing(hop: HopView) -> list[str]:
    """What is done about a hop while it is open."""
    told = []
    if hop.ring:
        way = f" through {printable(hop.via)}" if hop.via else ""
        told.append(f"ringing {printable(', '.join(hop.ring))}{way}{_part(hop.group)}")
    if hop.group is not None:
        told += [f"not rung: {printable(each, WHY_LIMIT)}" for each in hop.group.left_out]
    if hop.event_id and hop.opening != HUNT:
        told.append(f"--> IncomingCall  {printable(hop.event_id)}")
    return told


def _part(group: GroupView | None) -> str:
    if group is None:
        return ""
    position = "all" if group.position is None else f"{group.position} of {group.members}"
    return f" ({position} of the group)"


def outcomes(hop: HopView) -> list[tuple[str, str]]:
    """What came of each branch of a hop, and when, in the order in which it happened."""
    told: list[tuple[str, str]] = []
    for branch in hop.branches:
        if branch.rang_at is not None:
            told.append((branch.rang_at, f"{printable(branch.uri)} rings"))
        if branch.ended_at is not None:
            told.append((branch.ended_at, f"{printable(branch.uri)}: {_final(branch)}"))
    return sorted(told)


def _final(branch: BranchView) -> str:
    cause = f" (Q.850 cause {branch.cause})" if branch.cause is not None else ""
    return f"{branch.status or ''} {printable(branch.reason)}{cause}".strip()


def _joining(hop: HopView) -> tuple[str, str]:
    branch = hop.branches[-1]
    word = "also ringing" if branch.replaces is None else "ringing instead"
    way = f" through {printable(branch.trunk)}" if branch.trunk else ""
    where = f" at {printable(branch.destination)}" if branch.destination else ""
    before = f", the one before: {printable(branch.because)}" if branch.because else ""
    return branch.rung_at, f"{word} {printable(branch.uri)}{way}{where}{before}"


def _ending(call: CallView) -> str:
    why = printable(call.why, WHY_LIMIT)
    word = f"{printable(call.state)} with {call.final_status}"
    return f"{word}  {why}  {lasted(call.created_at, call.ended_at or call.created_at)} after the INVITE"
