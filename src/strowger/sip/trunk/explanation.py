"""Why a target outside goes where it goes: the routes that match, the trunks in the order to try them, and the others.

What `selection` decides for a call, told for a person instead of carried out: nobody is rung and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from strowger.calls.directory import escape_user
from strowger.sip.message.address import Address
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri
from strowger.sip.trunk.identity import Caller, identify
from strowger.sip.trunk.selection import TRUNKS_PER_CALL, Fitness, Selection, uri_of
from strowger.sip.trunk.trunk import CallerId, Route, Trunk

_ANONYMOUS: Final = "anonymous"
_SHOWN_BY_PASS: Final = "the caller's own number"
_SHOWN_BY_OWNED: Final = "the number of ours that the caller dialled"


class Way(NamedTuple):
    """One trunk of the route that decides."""

    trunk: Trunk
    uri: str
    """The Request-URI there."""
    place: int
    """When it is tried, from 1; 0 when it is left out."""
    share: float
    """How likely it is tried before the others of its priority, 0 to 1; 1 for one that has a priority to itself."""
    left_out: str = ""
    """Why it is not tried now."""


class Explanation(NamedTuple):
    """What is known of the way to one target."""

    routes: tuple[Route, ...]
    """All that match; the first one decides."""
    ways: tuple[Way, ...]
    """The trunks of that route: those that are tried in their order, then those that are left out."""

    @property
    def is_drawn(self) -> bool:
        """Whether the order differs from call to call: equals are drawn by lot, in proportion to their weights."""
        return any(way.place and way.share < 1 for way in self.ways)


def explain(selection: Selection, kind: str, dialled: str, now: float) -> Explanation:
    """The way to a number or id outside as it is `now`, monotonic seconds. Empty when no route leads there."""
    routes = tuple(selection.matching(kind, dialled))
    if not routes:
        return Explanation((), ())
    fitness = selection.fitness
    trunks = [selection.trunk(name) for name in dict.fromkeys(routes[0].to)]
    serving = [trunk for trunk in trunks if fitness.is_usable(trunk.name)]
    tried = [
        Way(trunk, uri_of(trunk, dialled), _place(number), _share(trunk, serving), _late(number))
        for number, trunk in enumerate(_usual_order(serving), start=1)
    ]
    idle = [
        Way(trunk, uri_of(trunk, dialled), 0, 0.0, _why_not(fitness, trunk.name, now))
        for trunk in _usual_order(trunk for trunk in trunks if trunk not in serving)
    ]
    return Explanation(routes, (*tried, *idle))


def shown_caller(trunk: Trunk, caller: str, dialled: str = "") -> str:
    """Whom a trunk is shown as the caller, in words where it depends on what is not given.

    `caller` is the caller's number, `anonymous` for one who hides it; `dialled` is the number of ours that was dialled.
    """
    if trunk.caller_id is CallerId.OWNED and not dialled:
        return _ANONYMOUS if caller == _ANONYMOUS else _SHOWN_BY_OWNED
    if trunk.caller_id is CallerId.PASS and not caller:
        return _SHOWN_BY_PASS
    host = "anonymous.invalid" if caller == _ANONYMOUS else "caller.invalid"
    invite = Request.make("INVITE", trunk.uri, [("From", f"<sip:{escape_user(caller or 'caller')}@{host}>;tag=1")])
    identify(invite, trunk, Caller(dialled=dialled))
    return SipUri.parse(Address.parse(invite.first("From") or "").uri).user or ""


def _usual_order(trunks: Iterable[Trunk]) -> list[Trunk]:
    """The likeliest order: by priority, the heavier ones first."""
    return sorted(trunks, key=lambda trunk: (trunk.priority, -trunk.weight))


def _share(trunk: Trunk, serving: Sequence[Trunk]) -> float:
    weights = [each.weight for each in serving if each.priority == trunk.priority]
    return trunk.weight / sum(weights) if any(weights) else 1 / len(weights)


def _place(number: int) -> int:
    return number if number <= TRUNKS_PER_CALL else 0


def _late(number: int) -> str:
    return "" if _place(number) else f"a call tries {TRUNKS_PER_CALL} trunks at the most"


def _why_not(fitness: Fitness, name: str, now: float) -> str:
    until = fitness.held_until(name)
    if until is not None:
        return f"on hold for another {max(until - now, 0.0):.0f} s: {fitness.why(name)}"
    return f"it does not serve: {fitness.why(name)}"
