"""Which numbers outside the applications of a resource may redirect to, and how many calls they may send there.

What is judged is what a trunk would dial, whatever kind of identifier it came in. A number is allowed in E.164 form, or
as it is written where the settings say so; the longer of the matching prefixes decides, and a refusal wins a tie.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from strowger.calls.number_ranges import COSTLY, EMERGENCY, is_emergency, longest

EMERGENCY_CALL: Final = "emergency"
NOT_ALLOWED: Final = "not_allowed"
DENIED: Final = "denied"
NUMBER_REASONS: Final = (EMERGENCY_CALL, NOT_ALLOWED, DENIED, *COSTLY)
"""Why a number is not one to call."""
HAIRPIN: Final = "hairpin"
"""Why a caller from outside goes nowhere outside, whatever the number."""

_SEPARATORS: Final = str.maketrans("", "", " -.()")
"""What people write between digits (RFC 3966 §5.1.1)."""
_SCHEME: Final = re.compile("(?:4:)?(?:tel:)?", re.IGNORECASE)
_E164: Final = re.compile(r"\+[0-9]+")
_DIGITS: Final = re.compile(r"[0-9]+(?=[;,?]|$)")
"""To its end, or to parameters, or a pause: what follows is not dialled (RFC 3966 §3, RFC 3261 §19.1.1)."""
_INTERNATIONAL: Final = ("00", "011")
"""What most countries, and North America, dial before a country code."""


@dataclass(frozen=True, slots=True)
class OutsideRules:
    """What one resource may do. Each number of calls is a limit, and 0 is none."""

    allow: frozenset[str] = frozenset(("+",))
    """How numbers begin that may be called."""
    deny: frozenset[str] = frozenset()
    costly: tuple[str, ...] = tuple(COSTLY)
    """The groups of dear numbers that are denied as well; see `number_ranges.COSTLY`."""
    emergency: frozenset[str] = frozenset(EMERGENCY)
    calls: int = 20
    """Calls at one time, from the redirect to their end, as far as we know of it."""
    calls_per_minute: int = 10
    calls_per_day: int = 1_000
    caller_calls: int = 2
    """The same of one caller."""
    caller_calls_per_minute: int = 5
    caller_calls_per_day: int = 50
    minutes_per_day: int = 6_000
    """Of talk, of all calls of the resource together."""
    longest_call_s: float = 14_400.0
    """How long an answered call counts whose end should come by us, and does not."""
    assumed_call_s: float = 300.0
    """How long an answered call counts whose end nobody will tell us."""
    may_hairpin: bool = True
    """Whether a caller from outside may be redirected outside."""

    def refuses(self, dialled: str) -> str:
        """Why what a trunk would be asked for is not to be called; empty when it may be, or is no number at all."""
        number = number_in(dialled)
        if not number:
            return ""
        if self.is_emergency(number):
            return EMERGENCY_CALL
        if longest(self.allow, number) < 0:
            return NOT_ALLOWED
        return next(filter(None, map(self._denied, _readings(number))), "")

    def is_emergency(self, number: str) -> bool:
        """Whether this number calls for help."""
        return is_emergency(number, self.emergency)

    def _denied(self, number: str) -> str:
        sets = {DENIED: self.deny, **{group: COSTLY[group] for group in self.costly}}
        reach, reason = max((longest(prefixes, number), reason) for reason, prefixes in sets.items())
        return reason if reach >= 0 and reach >= longest(self.allow, number) else ""


def number_in(dialled: str) -> str:
    """The telephone number that a carrier may read out of what it is asked for; empty when that is no number."""
    plain = _SCHEME.sub("", dialled, count=1).translate(_SEPARATORS)
    number = _E164.match(plain) or _DIGITS.match(plain)
    return number.group() if number is not None else ""


def _readings(number: str) -> list[str]:
    """A number without its plus may be read with any of these before it; a refusal of one refuses it."""
    if number.startswith("+"):
        return [number]
    abroad = [f"+{number.removeprefix(each)}" for each in _INTERNATIONAL if number.startswith(each)]
    return [number, f"+{number}", *abroad]
