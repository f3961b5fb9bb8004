"""What is known of a trunk and of a route from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from strowger.sip.authentication.client import Account
from strowger.sip.trunk.numbers import NumberFormat


class CallerId(StrEnum):
    """Which number the far side is shown."""

    PASS = "pass"
    """The caller's own."""
    TRUNK = "trunk"
    """The trunk's."""
    OWNED = "owned"
    """The number of ours that the caller dialled: some carriers take no other."""


class ForwardedAs(StrEnum):
    """How the far side is told that a call was forwarded."""

    HISTORY_INFO = "history-info"
    """RFC 7044"""
    DIVERSION = "diversion"
    """RFC 5806"""


class Mode(StrEnum):
    """Who rings a target behind this trunk when a call from it is redirected."""

    RELAY = "relay"
    """We do, as a proxy (RFC 3261 §16)."""
    REDIRECT = "302"
    """The trunk itself: its caller is answered 302 with the target as Contact (RFC 3261 §8.3)."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """One way to and from the outside."""

    name: str
    uri: str
    """`sip:` or `sips:`, without a user part; its parameters go into every Request-URI."""
    priority: int = 10
    """Lower is tried first."""
    weight: int = 1
    """Share among the trunks of the same priority (RFC 2782); 0 for a reserve that is rarely drawn first."""
    number_format: NumberFormat = field(default_factory=NumberFormat)
    caller_id: CallerId = CallerId.PASS
    number: str = ""
    """The trunk's own number in E.164 form, for `CallerId.TRUNK`."""
    forwarded_as: frozenset[ForwardedAs] = frozenset()
    is_trusted: bool = False
    """Within our trust domain: it is told asserted identities, and honours Privacy itself (RFC 3325 §5)."""
    mode: Mode = Mode.RELAY
    account: Account | None = None
    """What we answer its challenges with; None when we have no password there."""
    username: str = ""
    """The user name of that account: the user part of what is registered there."""
    register_expires_s: float | None = None
    """How long a registration there is asked to last; None when we do not register."""
    patience_s: float = 4.0
    """Without any response for so long the next trunk is tried."""


@dataclass(frozen=True, slots=True)
class Route:
    """Which trunks lead to targets of one kind whose number or id begins with a prefix."""

    kind: str
    """A kind of communication identifier, as in the settings: `phoneNumber`, `microsoftTeamsUser`…"""
    match: str
    """How the value begins. A trailing `*` changes nothing; alone it matches everything."""
    to: tuple[str, ...]
    """Names of trunks."""

    def matches(self, kind: str, dialled: str) -> bool:
        """Whether this route leads there."""
        return kind == self.kind and dialled.startswith(self.match.removesuffix("*"))

    @property
    def precision(self) -> int:
        """How much of the target the route names; of two that match, the greater wins."""
        return len(self.match.removesuffix("*"))
