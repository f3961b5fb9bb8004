"""What a scripted phone does when it is called.

A behaviour is a value that meets a call by giving it orders (RFC 3261 §13.3.1); carrying them out is left to
`incoming`. `parse_behaviour` reads the form of the command line, such as `bob=answer:2s`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from strowger.base.text import printable
from strowger.phones.errors import BehaviourInvalid
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri

TRYING_AFTER_S: Final = 0.2
"""A callee that takes longer than this to say anything says 100. RFC 3261 §17.2.1"""
PATIENCE_S: Final = 300.0
"""How long a phone rings that nobody answers: longer than any caller waits, so that no leg lives for ever."""
LONGEST_S: Final = 3_600.0
"""The longest delay that the command line takes."""

FORMS: Final = (
    "answer, answer:2s, answer:2s:10s (hang up after 10 s), busy, decline, noanswer, silent, "
    "reject:STATUS (400 to 699), redirect:sip:somebody@host"
)


class Callee(Protocol):
    """A call as the one who is called can deal with it."""

    @property
    def invite(self) -> Request:
        """As it arrived."""
        ...

    def trying(self) -> None:
        """Send 100: the caller stops repeating the INVITE."""
        ...

    def ring(self) -> None:
        """Send 180."""
        ...

    def answer(self, *, hang_up_after_s: float | None = None) -> None:
        """Send 200; hang up so long after its ACK."""
        ...

    def reject(self, status: int, reason: str | None = None, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Send a final response of 300 or more."""
        ...

    def ignore(self) -> None:
        """Send nothing at all."""
        ...

    def hang_up(self) -> asyncio.Future[int]:
        """Send BYE; the future gets the status of its response."""
        ...

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later, unless the call has had its final response or is over by then."""
        ...


class Behaviour(Protocol):
    """Says how to meet a call."""

    def meet(self, callee: Callee) -> None:
        """Give the orders for one call; called once for each, soon after it arrived."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer, at once or after ringing for a while."""

    after_s: float = 0.0
    hang_up_after_s: float | None = None
    """Seconds from the caller's ACK to our BYE; None leaves hanging up to the caller."""
    ring: bool = True
    """Whether 180 is sent first."""

    def meet(self, callee: Callee) -> None:
        """Ring, wait, answer."""
        _wait(callee, self.after_s, self.ring, lambda: callee.answer(hang_up_after_s=self.hang_up_after_s))


@dataclass(frozen=True, slots=True)
class Custom:
    """Refuse the call with any final response. Raises BehaviourInvalid for a status outside 300 to 699."""

    status: int
    reason: str | None = None
    """The reason phrase, None for the usual one."""
    headers: tuple[tuple[str, str], ...] = ()
    after_s: float = 0.0
    ring: bool = False

    def __post_init__(self) -> None:
        if not 300 <= self.status <= 699:
            raise BehaviourInvalid(f"{self.status} does not refuse a call; 300 to 699 do")

    def meet(self, callee: Callee) -> None:
        """Ring if asked to, wait, refuse."""
        _wait(callee, self.after_s, self.ring, lambda: callee.reject(self.status, self.reason, headers=self.headers))


@dataclass(frozen=True, slots=True)
class Busy(Custom):
    """486: this phone is in use."""

    status: int = 486


@dataclass(frozen=True, slots=True)
class Decline(Custom):
    """603: the one who is called does not want to talk, here or anywhere."""

    status: int = 603


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the caller to another URI. RFC 3261 §8.1.3.4"""

    contact: str
    status: int = 302
    after_s: float = 0.0
    ring: bool = False

    def meet(self, callee: Callee) -> None:
        """Refuse with the other URI as Contact."""
        Custom(self.status, None, (("Contact", f"<{self.contact}>"),), self.after_s, self.ring).meet(callee)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Ring until the caller gives up."""

    gives_up_after_s: float = PATIENCE_S
    """Then 480."""
    ring: bool = True
    """False says 100 and nothing more."""

    def meet(self, callee: Callee) -> None:
        """Ring, and nothing else."""
        _wait(callee, self.gives_up_after_s, self.ring, lambda: callee.reject(480))


@dataclass(frozen=True, slots=True)
class Silent:
    """Do not respond at all, as a phone does that has lost its network."""

    def meet(self, callee: Callee) -> None:
        """Nothing is sent."""
        callee.ignore()


@dataclass(frozen=True, slots=True)
class Script:
    """Do what a function says, which is handed the call."""

    play: Callable[[Callee], None]

    def meet(self, callee: Callee) -> None:
        """Call the function."""
        self.play(callee)


def _wait(callee: Callee, seconds: float, ring: bool, action: Callable[[], None]) -> None:
    if ring:
        callee.ring()
    elif seconds > TRYING_AFTER_S:
        callee.trying()
    if seconds > 0:
        callee.after(seconds, action)
    else:
        action()


def parse_behaviour(text: str) -> tuple[str, Behaviour]:
    """Read `bob=busy` into the name of a phone and what it does. Raises BehaviourInvalid, saying what would do."""
    name, equals, form = text.partition("=")
    if not equals or not name or not name.isprintable() or " " in name:
        raise BehaviourInvalid(f"{printable(text)!r} must be a name, =, and what the phone does: {FORMS}")
    word, _, rest = form.partition(":")
    plain = _PLAIN.get(word)
    if plain is not None and not rest and form == word:
        return name, plain
    match word:
        case "answer" if rest:
            return name, _parse_answer(rest, text)
        case "reject":
            return name, Custom(_parse_status(rest, text))
        case "redirect":
            return name, Redirect(_parse_contact(rest, text))
    if plain is not None:
        raise BehaviourInvalid(f"{word} in {printable(text)!r} takes no value" if rest else _unfinished(text))
    raise BehaviourInvalid(f"{printable(text)!r} does not say what the phone does: {FORMS}")


_PLAIN: Final[dict[str, Behaviour]] = {
    "answer": Answer(),
    "busy": Busy(),
    "decline": Decline(),
    "noanswer": NoAnswer(),
    "silent": Silent(),
}


def _unfinished(text: str) -> str:
    return f"{printable(text)!r} ends in a colon without a value"


def _parse_answer(rest: str, text: str) -> Answer:
    after, colon, hang_up = rest.partition(":")
    return Answer(_parse_seconds(after, text), _parse_seconds(hang_up, text) if colon else None)


def _parse_status(status: str, text: str) -> int:
    if not (status.isascii() and status.isdigit() and len(status) == 3 and 400 <= int(status) <= 699):
        raise BehaviourInvalid(f"{printable(text)!r} must name a status from 400 to 699, as in reject:603")
    return int(status)


def _parse_contact(uri: str, text: str) -> str:
    try:
        SipUri.parse(uri)
    except ParseError as error:
        example = "redirect:sip:carol@127.0.0.1"
        raise BehaviourInvalid(f"{printable(text)!r} must name a SIP URI, as in {example}: {error}") from error
    return uri


def _parse_seconds(duration: str, text: str) -> float:
    """`2s`, `500ms`, or seconds without a unit."""
    number, scale = duration, 1.0
    if duration.endswith("ms"):
        number, scale = duration[:-2], 0.001
    elif duration.endswith("s"):
        number = duration[:-1]
    whole, _, fraction = number.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9 and float(number) * scale <= LONGEST_S):
        raise BehaviourInvalid(
            f"{printable(duration)!r} in {printable(text)!r} is no duration up to an hour; 2s and 500ms are"
        )
    return float(number) * scale
