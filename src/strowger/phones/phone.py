"""A scripted phone: a SIP user agent that calls, is called, and does as it is told (RFC 3261 §8).

Here requests find the call they belong to, and new calls begin. One phone serves many calls on one socket. A phone is
not registered anywhere and asks nobody where a call goes: it is given the address of a proxy, or calls a URI directly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Final
from urllib.parse import quote

from strowger.base.ids import Ids, SystemIds
from strowger.base.text import printable
from strowger.phones import sdp
from strowger.phones.address import Peer, host_port, logical, parse_address, peer_of
from strowger.phones.agent import Agent
from strowger.phones.behaviours import Answer, Behaviour
from strowger.phones.dialog import MAX_FORWARDS, DialogId, dialog_id_of
from strowger.phones.errors import AddressInvalid, WaitedTooLong
from strowger.phones.incoming import WAITING, IncomingCallLeg
from strowger.phones.outgoing import OutgoingCall
from strowger.phones.sdp import CONTENT_TYPE
from strowger.phones.session import ACCEPT, ALLOW, DialogUser
from strowger.phones.trace import Trace
from strowger.phones.waiting import Watch
from strowger.sip.message.build import response_to
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request
from strowger.sip.transaction.timers import Timings

RECEIVED_KEPT: Final = 10_000
"""Legs that a phone remembers in `received`; the oldest are dropped."""
METHODS: Final = frozenset({"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"})
USER_SAFE: Final = "-_.!~*'()&=+$,;?/"
"""Characters of a user part that are written as they are. RFC 3261 §25.1"""


class Phone:
    """A user agent with one address. Made by `open`, and of use inside the event loop that it was made in only."""

    def __init__(
        self,
        *,
        user: str = "alice",
        display_name: str = "",
        behaviour: Behaviour | None = None,
        timings: Timings | None = None,
        ids: Ids | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.user = user
        self.display_name = display_name
        self.behaviour: Behaviour = behaviour or Answer()
        """What the phone does with the next call."""
        self.received: list[IncomingCallLeg] = []
        """Every INVITE that began a leg, in order; an INVITE that was merely repeated began none."""
        self._ids = ids or SystemIds()
        self._agent = Agent(user, self, timings=timings or Timings(), ids=self._ids, trace=trace)
        self._dialogs: dict[DialogId, DialogUser] = {}
        self._legs: dict[str, IncomingCallLeg] = {}
        self._sessions = 0
        self._watch = Watch()

    @classmethod
    async def open(
        cls,
        address: str = "udp:127.0.0.1:0",
        *,
        user: str = "alice",
        display_name: str = "",
        behaviour: Behaviour | None = None,
        timings: Timings | None = None,
        ids: Ids | None = None,
        trace: Trace | None = None,
    ) -> Phone:
        """A phone that listens on `address`; port 0 takes a free one. Without a behaviour it answers at once.

        Raises AddressInvalid, or OSError when the system refuses the address.
        """
        phone = cls(user=user, display_name=display_name, behaviour=behaviour, timings=timings, ids=ids, trace=trace)
        await phone._agent.open(parse_address(address))
        return phone

    async def close(self) -> None:
        """Close the sockets. Peers are not told; calls that still go on are over. May be called twice."""
        for user in list(self._dialogs.values()):
            user.drop()
        await self._agent.close()

    @property
    def address(self) -> str:
        """`udp:127.0.0.1:5071`: what another phone takes as a proxy."""
        return str(self._agent.local)

    @property
    def uri(self) -> str:
        """`sip:alice@127.0.0.1:5071`, with `;transport=tcp` if that is so."""
        local = self._agent.local
        suffix = ";transport=tcp" if local.transport == "TCP" else ""
        return f"sip:{quote(self.user, safe=USER_SAFE)}@{host_port(local.host, local.port)}{suffix}"

    @property
    def retransmissions(self) -> int:
        """Requests that arrived once more, ACK excepted."""
        return self._agent.retransmissions

    @property
    def garbled(self) -> int:
        """What arrived and was no SIP that can be acted upon."""
        return self._agent.garbled

    # Calling.

    def call(
        self,
        target_uri: str,
        *,
        proxy: str | None = None,
        from_uri: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        sdp: bool = True,
    ) -> OutgoingCall:
        """Call `target_uri` through `proxy` (`udp:host:port`), or directly.

        `headers` are added to the INVITE; one of a name that the phone writes itself replaces the phone's. Without
        `sdp` the offer is left to the callee. Raises AddressInvalid, BuildError, TransactionLimit.
        """
        way = parse_address(proxy, port_required=True) if proxy is not None else peer_of(target_uri)
        own = self._headers(way, from_uri or self.uri, target_uri)
        invite = self._invite(target_uri, own, list(headers), with_offer=sdp)
        return OutgoingCall(self._agent, invite, way, contact=self._contact, dialogs=self._dialogs)

    async def leg(self, number: int = 0, *, timeout_s: float) -> IncomingCallLeg:
        """The leg with this place in `received`, when it is there. Raises WaitedTooLong."""
        try:
            return await self._watch.until(lambda: next(islice(self.received, number, None), None), timeout_s)
        except TimeoutError as error:
            reason = f"{self.user} was called {len(self.received)} times within {timeout_s} s, not {number + 1}"
            raise WaitedTooLong(reason) from error

    @property
    def _contact(self) -> str:
        return f"<{self.uri}>"

    def _headers(self, way: Peer, from_uri: str, to_uri: str) -> list[tuple[str, str]]:
        """RFC 3261 §8.1.1"""
        return [
            ("Via", self._agent.via(way)),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"{_display(self.display_name)}<{_identity(from_uri)}>;tag={self._ids.token(9)}"),
            ("To", f"<{_identity(to_uri)}>"),
            ("Call-ID", self._ids.token(16)),
            ("CSeq", "1 INVITE"),
            ("Contact", self._contact),
            ALLOW,
        ]

    def _invite(
        self, target: str, own: list[tuple[str, str]], headers: list[tuple[str, str]], *, with_offer: bool
    ) -> Request:
        body = b""
        if with_offer:
            body = sdp.offer(self._agent.local.host, self._next_session())
            own.append(("Content-Type", CONTENT_TYPE))
        given = {name.lower() for name, _ in headers}
        kept = [(name, value) for name, value in own if name.lower() not in given]
        return Request.make("INVITE", target, [*kept, *headers], body)

    def _next_session(self) -> int:
        self._sessions += 1
        return self._sessions

    # Being called: what the agent tells.

    def request_arrived(self, key: str, request: Request, way: Peer) -> None:
        """Find out what the request is about, in the order of RFC 3261 §8.2 and §12.2.2."""
        if request.method == "CANCEL":
            self._cancel(key, request)
        elif request.method not in METHODS:
            self._answer(key, request, 405, ALLOW)
        elif required := request.values("Require"):  # no extension is known here
            self._answer(key, request, 420, ("Unsupported", ", ".join(required)))
        elif request.to_tag is not None:
            user = self._dialogs.get(dialog_id_of(request))
            if user is not None:
                user.in_dialog(key, request)
            else:
                self._answer(key, request, 481)
        elif request.method == "INVITE":
            self._be_called(key, request, way)
        elif request.method == "OPTIONS":
            self._answer(key, request, 200, ALLOW, ACCEPT)
        else:
            self._answer(key, request, 481)

    def _answer(self, key: str, request: Request, status: int, *headers: tuple[str, str]) -> None:
        """Answer on behalf of the phone, not of a call."""
        self._agent.respond(key, response_to(request, status, to_tag=self._ids.token(9), headers=headers))

    def ack_arrived(self, ack: Request) -> None:
        """The ACK of a 2xx of ours, if its dialog is still there."""
        user = self._dialogs.get(dialog_id_of(ack))
        if user is not None:
            user.ack_arrived(ack)

    def server_ended(self, key: str) -> None:
        """From now on a CANCEL does not find that INVITE any more."""
        self._legs.pop(key, None)

    def _be_called(self, key: str, invite: Request, way: Peer) -> None:
        if invite.body and not _is_sdp(invite):
            self._answer(key, invite, 415, ACCEPT, ALLOW)
            return
        leg = IncomingCallLeg(
            self._agent,
            key,
            invite,
            way,
            contact=self._contact,
            session_number=self._next_session(),
            dialogs=self._dialogs,
        )
        self._legs[key] = leg
        self.received.append(leg)
        del self.received[:-RECEIVED_KEPT]
        # In a turn of its own: a script that raises must not break off what the agent is doing.
        asyncio.get_running_loop().call_soon(self._meet, self.behaviour, leg)
        self._watch.changed()

    def _meet(self, behaviour: Behaviour, leg: IncomingCallLeg) -> None:
        if leg.state in WAITING:  # it may have been cancelled in between
            behaviour.meet(leg)

    def _cancel(self, key: str, cancel: Request) -> None:
        """RFC 3261 §9.2: 200 with the tag that the INVITE is answered with."""
        invite_key = self._agent.find_invite(cancel)
        if invite_key is None:
            self._answer(key, cancel, 481)
            return
        leg = self._legs.get(invite_key)
        tag = leg.tag if leg is not None else self._ids.token(9)
        self._agent.respond(key, response_to(cancel, 200, to_tag=tag))
        if leg is not None:
            leg.cancel()


def _identity(uri: str) -> str:
    try:
        return logical(uri)
    except ParseError as error:
        raise AddressInvalid(f"{printable(uri)!r} is no URI that can call or be called: {error}") from error


def _is_sdp(message: Request) -> bool:
    kind = (message.first("Content-Type") or CONTENT_TYPE).partition(";")[0]
    return kind.strip().lower() == CONTENT_TYPE


def _display(name: str) -> str:
    """A quoted display name, UTF-8 as the message room writes it, and a space; nothing for no name. RFC 3261 §25.1"""
    if not name:
        return ""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.encode().decode("latin-1")}" '
