"""What a proxy changes in the messages it passes on, and nothing else (RFC 3261 §16.3, §16.6, §16.7 step 3).

Headers we do not own keep every byte, their order, case and folding.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from strowger.sip.message.message import Message, Request, Response

MAGIC_COOKIE: Final = "z9hG4bK"
_STATELESS: Final = MAGIC_COOKIE + "s"
DEFAULT_MAX_FORWARDS: Final = 70
_BRANCH_DIGITS: Final = 24
_SECRET_BYTES: Final = 32


class Forwarding:
    """Makes branches, loop marks and route tokens of this installation, all derived from one secret.

    A branch is a pure function of call, hop and target, so that after a restart the INVITE goes out again under the
    same branch and the target sees a retransmission instead of a second call (RFC 3261 §17.2.3).
    """

    def __init__(self, secret: bytes) -> None:
        key = secret[:_SECRET_BYTES]
        self._keyed = {size: hashlib.blake2b(key=key, digest_size=size) for size in (6, 8, 12)}
        """Digests with the key taken in, to be copied: by bytes of output."""

    def branch(self, call_id: str, hop_index: int, target_index: int, loop_mark: str) -> str:
        """The branch parameter of one forked INVITE; unguessable, and readable as ours by its loop mark."""
        digest = self._digest(f"branch {call_id} {hop_index} {target_index}", _BRANCH_DIGITS // 2)
        return f"{MAGIC_COOKIE}{digest}.{loop_mark}"

    def tag(self, call_id: str) -> str:
        """The To tag of the responses we make ourselves for a call."""
        return self._digest(f"tag {call_id}", 8)

    def loop_mark(self, request: Request) -> str:
        """What must differ when a request comes by again on purpose, a spiral (RFC 3261 §16.6 step 8)."""
        tags = f"{request.from_tag or ''}\n{request.to_tag or ''}"
        parts = f"{request.uri}\n{tags}\n{request.call_id}\n{request.cseq.number}\n{request.first('Route') or ''}"
        return self._digest(f"loop {parts}", 6)

    def is_loop(self, request: Request) -> bool:
        """Whether this very request passed here before (RFC 3261 §16.3 step 4). Only we can make our keyed marks."""
        vias = ",".join(request.all("Via"))
        # Almost no request has a branch of the shape of ours: then the mark need not be computed.
        if not any(branch[_BRANCH_DIGITS : _BRANCH_DIGITS + 1] == "." for branch in vias.split(MAGIC_COOKIE)[1:]):
            return False
        return f".{self.loop_mark(request)}" in vias

    def stateless_branch(self, request: Request, came_by: str = "") -> str:
        """The branch for a request forwarded without a transaction: equal for its retransmissions (RFC 3261 §16.11).

        `came_by` is a word for the connection that the response has to go back by; empty when the Via says enough.
        """
        return self._stateless(request, request.top_via.raw, came_by)

    def stateless_origin(self, response: Response) -> str | None:
        """`came_by` of the request, if we forwarded it statelessly; only then may its response be passed on."""
        branch = response.top_via.branch or ""
        vias = response.vias
        if not branch.startswith(_STATELESS) or len(vias) < 2:
            return None
        came_by = branch.partition(".")[2]
        return came_by if hmac.compare_digest(branch, self._stateless(response, vias[1], came_by)) else None

    def route_token(self, call_id_header: str, beyond: str) -> str:
        """The user part of our Record-Route: it leads to the host `beyond`, within that call, and nowhere else."""
        return self._digest(f"route {call_id_header} {beyond}", 12)

    def _stateless(self, message: Message, via: str, came_by: str) -> str:
        digest = self._digest(f"stateless {via} {message.call_id} {message.cseq.number} {came_by}", 12)
        return f"{_STATELESS}{digest}.{came_by}" if came_by else f"{_STATELESS}{digest}"

    def _digest(self, text: str, size: int) -> str:
        digest = self._keyed[size].copy()
        digest.update(text.encode("latin-1", "replace"))
        return digest.hexdigest()


def forward_invite(
    invite: Request, uri: str, sent_by: str, transport: str, branch: str, record_route: str | None
) -> Request:
    """The INVITE for one target (RFC 3261 §16.6). The caller's Route set is dropped: the target was chosen here, not by
    the caller.
    """
    forwarded = invite.copy()
    forwarded.uri = uri
    forwarded.remove("Route")
    return _forwarded(forwarded, sent_by, transport, branch, record_route)


def forward_in_dialog(request: Request, uri: str, sent_by: str, transport: str, branch: str) -> Request:
    """A request within a dialog whose route set we are part of; its remaining Route headers stay."""
    forwarded = request.copy()
    forwarded.uri = uri
    return _forwarded(forwarded, sent_by, transport, branch, None)


def _forwarded(request: Request, sent_by: str, transport: str, branch: str, record_route: str | None) -> Request:
    hops = request.max_forwards
    request.set("Max-Forwards", str(DEFAULT_MAX_FORWARDS if hops is None else hops - 1))
    if record_route is not None:
        request.prepend("Record-Route", record_route)
    request.prepend("Via", f"SIP/2.0/{transport} {sent_by};branch={branch};rport")
    return request


def forward_response(response: Response) -> Response:
    """The response without our own Via (RFC 3261 §16.7 step 3)."""
    forwarded = response.copy()
    forwarded.pop_value("Via")
    return forwarded
