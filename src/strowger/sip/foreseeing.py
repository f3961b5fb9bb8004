"""The INVITEs of a call that nobody makes: the one that would come, taken in as the edge takes it in, and those that
would leave, written by the code that writes real ones. Nothing is sent, nobody is asked for an address, and nothing is
kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from strowger.calls.call import Branch, Call
from strowger.calls.ports import Arrival
from strowger.sip import arrival, failover
from strowger.sip.attempts import Attempts
from strowger.sip.flow import Flow
from strowger.sip.hop_fork import fork_for
from strowger.sip.leg import Attempt, Fork, Leg
from strowger.sip.location.errors import Unlocatable
from strowger.sip.location.resolve import Destination
from strowger.sip.message.check import check_request
from strowger.sip.message.errors import BuildError, SipError
from strowger.sip.message.limits import DEFAULT_LIMITS, MessageLimits
from strowger.sip.message.message import Request, parse_message
from strowger.sip.message.names import canonical
from strowger.sip.network import SIP_PORT, UDP_REQUEST_BYTES, Found, Network, Unreachable, flow_to_uri
from strowger.sip.outgoing import Outgoing, RecordRoute, Trunks
from strowger.sip.places import Places
from strowger.sip.proxy.forwarding import DEFAULT_MAX_FORWARDS, Forwarding
from strowger.sip.proxy.response_context import TIMER_C_S
from strowger.sip.registration import Way
from strowger.sip.sender import Sender

NAME: Final = "dry-run"
"""Call-ID, tag and branch of the INVITE that would come."""
OURS_TO_WRITE: Final = frozenset((
    "via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "content-length", "content-type", "route",
    "record-route", "authorization", "proxy-authorization",
))  # fmt: skip
"""Headers of it that nobody else can give."""
INVITES: Final = 100
"""INVITEs that are written of one course of a call at most; of further branches only the URI is told."""
_TRANSPORTS: Final = ("UDP", "TCP", "TLS")


class Envisaged(NamedTuple):
    """The INVITE that would come."""

    uri: str
    """Its Request-URI."""
    caller: str
    """The URI of From."""
    display_name: str
    headers: Sequence[tuple[str, str]]
    source: str
    """The numeric address that it would come from."""


class Prospect(NamedTuple):
    """One branch that would be rung, or tried when others lead nowhere."""

    branch: Branch
    is_reserve: bool
    """Whether it is tried only in the place of one that led nowhere."""
    goes_to: str = ""
    """Transport and address it would be sent to; empty while that has to be looked up."""
    patience_s: float = 0.0
    """How long it may be silent before the next place is tried; 0 when there is no next one."""
    sets: tuple[tuple[str, str], ...] = ()
    """The headers that differ from the caller's, as they would leave."""
    removes: tuple[str, ...] = ()
    """Names of the caller's headers that do not leave."""
    trouble: str = ""
    """Why it could not be rung."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What a real call would be sent by."""

    network: Network
    forwarding: Forwarding
    trunks: Trunks
    known: Callable[[str, str], Sequence[Destination]]
    """Where a URI is served, as far as nobody has to be asked; see `servers`."""
    way: Callable[[str, str], Way | None]
    """How to reach the registered phones of a user."""
    record_route: RecordRoute = RecordRoute.OFF
    udp_request_bytes: int = UDP_REQUEST_BYTES
    timer_c_s: float = TIMER_C_S
    message_limits: MessageLimits = DEFAULT_LIMITS


class _Known:
    """Implements `network.Location` without asking anybody."""

    def __init__(self, known: Callable[[str, str], Sequence[Destination]]) -> None:
        self._known = known

    def locate(self, uri: str, what: str, found: Found) -> None:
        try:
            found(self._known(uri, what), "")
        except Unlocatable as error:
            found((), str(error))

    def avoid(self, destination: Destination, seconds: float | None = None) -> None:
        """Nothing is sent, so that nothing is learnt."""


class Foreseeing:
    """The SIP side of one call that nobody makes."""

    def __init__(self, ways: Ways, envisaged: Envisaged, now: float) -> None:
        """`now` is monotonic. Raises BuildError, ParseError, Refusal for an INVITE that would not be taken."""
        self._ways = ways
        self._now = now
        self._left = INVITES
        self.flow = _flow_from(ways.network, envisaged.source)
        self.invite = _invite(envisaged, ways.network.sent_by(self.flow))
        check_request(self.invite, ways.message_limits)
        arrival.require_forwardable(self.invite)
        location = _Known(ways.known)
        outgoing = Outgoing(ways.network, ways.forwarding, ways.trunks, record_route=ways.record_route)
        self._places = Places(ways.network, location, ways.way, ways.trunks.at)
        self._attempts = Attempts(outgoing, self._places, ways.trunks, location, ways.udp_request_bytes)

    def arrival(self, sender: Sender) -> Arrival:
        """The call as its application would hear of it. Raises Refusal."""
        arrival.dialled(self.invite, sender)  # which refuses what must not be downgraded
        return arrival.arrival_of(self.invite, self.flow.host, b"", sender)

    def begin(self) -> None:
        """What follows is of one course of the call, with as many INVITEs as one may have."""
        self._left = INVITES

    def prospects(self, call: Call, hop_index: int) -> list[Prospect]:
        """What would be sent to ring a hop: to everybody at once, then to the trunks in reserve in their order."""
        fork = fork_for(call, hop_index, self._ways.trunks, self._now, self._ways.timer_c_s)
        leg = Leg(call.call_id, NAME, self.flow, self.invite.to_bytes())
        rung = [self._prospect(leg, fork, attempt, is_reserve=False) for attempt in fork.attempts]
        return [*rung, *self._spare(leg, fork)]

    def _spare(self, leg: Leg, fork: Fork) -> Iterator[Prospect]:
        """Those in reserve, each as if all before it in its line had led nowhere."""
        number = len(fork.attempts)
        while fork.reserve:
            branch, *rest = fork.reserve
            attempt, fork.reserve = Attempt(branch, number), tuple(rest)
            attempt.first = branch.replaces
            yield self._prospect(leg, fork, attempt, is_reserve=True)
            number += 1

    def _prospect(self, leg: Leg, fork: Fork, attempt: Attempt, *, is_reserve: bool) -> Prospect:
        branch = attempt.branch
        if not self._left:
            return Prospect(branch, is_reserve)
        self._left -= 1
        why: list[str] = []
        self._places.find(fork, attempt, why.append)
        is_known = attempt.flow is not None
        try:
            if attempt.flow is None:
                if why[0]:
                    return Prospect(branch, is_reserve, trouble=why[0])
                attempt.flow = flow_to_uri(self._ways.network, branch.uri)
            leaving = self._attempts.invite(leg, fork, attempt)
        except (SipError, Unreachable) as error:
            return Prospect(branch, is_reserve, trouble=str(error))
        flow = attempt.flow
        sets, removes = _difference(self.invite, leaving)
        goes_to = f"{flow.transport.lower()}:{_host_port(flow)}" if is_known else ""
        patience_s = self._attempts.patience_s(attempt) if failover.has_next(fork, attempt) else 0.0
        return Prospect(branch, is_reserve, goes_to, patience_s, sets, removes)


def _flow_from(network: Network, source: str) -> Flow:
    for transport in _TRANSPORTS:
        try:
            return network.flow_to(transport, source, SIP_PORT)
        except Unreachable:
            continue
    return Flow("UDP", source, SIP_PORT, 0)


def _host_port(flow: Flow) -> str:
    return f"[{flow.host}]:{flow.port}" if ":" in flow.host else f"{flow.host}:{flow.port}"


def _invite(envisaged: Envisaged, ours: str) -> Request:
    """Raises BuildError, ParseError."""
    for name, _ in envisaged.headers:
        if canonical(name) in OURS_TO_WRITE:
            raise BuildError(f"{name} is written here")
    source = f"[{envisaged.source}]" if ":" in envisaged.source else envisaged.source
    quoted = envisaged.display_name.replace("\\", "\\\\").replace('"', '\\"').encode().decode("latin-1")
    shown = f'"{quoted}" ' if quoted else ""
    uri = envisaged.uri if ":" in envisaged.uri else f"sip:{envisaged.uri}@{ours}"
    headers = [
        ("Via", f"SIP/2.0/UDP {source}:{SIP_PORT};branch=z9hG4bK{NAME}"),
        ("Max-Forwards", str(DEFAULT_MAX_FORWARDS)),
        ("From", f"{shown}<{envisaged.caller}>;tag={NAME}"),
        ("To", f"<{uri}>"),
        ("Call-ID", f"{NAME}@{source}"),
        ("CSeq", "1 INVITE"),
        ("Contact", f"<sip:{source}:{SIP_PORT}>"),
        *((name, value.encode().decode("latin-1")) for name, value in envisaged.headers),
    ]
    message = parse_message(Request.make("INVITE", uri, headers).to_bytes())
    assert isinstance(message, Request)
    return message


def _difference(came: Request, leaves: Request) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """What differs between two requests, by header: the names are those that leave, in their order."""
    sets: list[tuple[str, str]] = []
    for key in dict.fromkeys(leaves.names):
        lines = leaves.lines_of(key)
        if lines != came.lines_of(key):
            sets += [(line.partition(":")[0].rstrip(" \t"), line.partition(":")[2].strip(" \t")) for line in lines]
    gone = [key for key in dict.fromkeys(came.names) if key not in leaves.names]
    return tuple(sets), tuple(came.lines_of(key)[0].partition(":")[0] for key in gone)
