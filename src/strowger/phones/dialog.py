"""A dialog as one end sees it (RFC 3261 §12): who the two are, how requests get there, which numbers were used.

Made from the INVITE and its 2xx; makes the requests inside it. Pure: the Via comes from whoever sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from strowger.phones.address import Peer, peer_of
from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request, Response
from strowger.sip.message.uri import SipUri

MAX_FORWARDS = "70"
"""RFC 3261 §8.1.1.6"""


class DialogId(NamedTuple):
    """What tells dialogs apart. RFC 3261 §12"""

    call_id: str
    local_tag: str
    remote_tag: str


class Dialog:
    """One confirmed dialog."""

    __slots__ = ("call_id", "local", "local_cseq", "remote", "remote_cseq", "remote_target", "route_set")

    def __init__(self, call_id: str, local: str, remote: str, remote_target: str, route_set: list[str]) -> None:
        self.call_id = call_id
        self.local = local
        """From of our requests, with our tag."""
        self.remote = remote
        """To of our requests, with the tag of the peer."""
        self.remote_target = remote_target
        self.route_set = route_set
        self.local_cseq = 0
        self.remote_cseq = 0

    @classmethod
    def of_caller(cls, invite: Request, response: Response) -> Dialog:
        """The dialog that a 2xx made for the side that called. RFC 3261 §12.1.2"""
        target = _contact(response) or invite.uri
        routes = response.values("Record-Route")[::-1]
        dialog = cls(invite.call_id, _value(invite, "From"), _value(response, "To"), target, routes)
        dialog.local_cseq = invite.cseq.number
        return dialog

    @classmethod
    def of_callee(cls, invite: Request, local_tag: str) -> Dialog:
        """The dialog for the side that was called. RFC 3261 §12.1.1"""
        target = _contact(invite) or invite.from_.uri
        local = f"{_value(invite, 'To')};tag={local_tag}"
        dialog = cls(invite.call_id, local, _value(invite, "From"), target, invite.values("Record-Route"))
        dialog.remote_cseq = invite.cseq.number
        return dialog

    @property
    def id(self) -> DialogId:
        """Call-ID and both tags; an RFC 2543 peer has an empty one."""
        return DialogId(self.call_id, Address.parse(self.local).tag or "", Address.parse(self.remote).tag or "")

    def refresh(self, message: Request | Response) -> None:
        """Take the peer's new Contact from a re-INVITE or its response. RFC 3261 §12.2.2"""
        self.remote_target = _contact(message) or self.remote_target

    def next_hop(self) -> Peer:
        """Where requests inside the dialog are sent. Raises AddressInvalid. RFC 3261 §12.2.1.1"""
        return peer_of(Address.parse(self.route_set[0]).uri if self.route_set else self.remote_target)

    def request(
        self,
        method: str,
        via: str,
        *,
        number: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Request:
        """A request inside the dialog with the next CSeq number, or for an ACK with the `number` of its INVITE.

        RFC 3261 §12.2.1.1
        """
        if number is None:
            self.local_cseq += 1
            number = self.local_cseq
        uri, routes = self._path()
        lines = [
            ("Via", via),
            *(("Route", route) for route in routes),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            *headers,
        ]
        return Request.make(method, uri, lines, body)

    def _path(self) -> tuple[str, list[str]]:
        """Request-URI and Route values; a first route without `lr` wants to be the Request-URI itself."""
        if not self.route_set:
            return self.remote_target, []
        first = Address.parse(self.route_set[0]).uri
        if _is_loose(first):
            return self.remote_target, self.route_set
        return first, [*self.route_set[1:], f"<{self.remote_target}>"]


def _is_loose(uri: str) -> bool:
    """Whether a router keeps the Request-URI; one whose URI cannot be read may not replace it. RFC 3261 §16.12"""
    try:
        return "lr" in SipUri.parse(uri).params
    except ParseError:
        return True


def dialog_id_of(request: Request) -> DialogId:
    """The dialog that a request from the peer belongs to, if it belongs to one. RFC 3261 §12.2.2"""
    return DialogId(request.call_id, request.to_tag or "", request.from_tag or "")


def _contact(message: Request | Response) -> str | None:
    values = message.values("Contact")
    return Address.parse(values[0]).uri if values and values[0] != "*" else None


def _value(message: Request | Response, name: str) -> str:
    return message.first(name) or ""
