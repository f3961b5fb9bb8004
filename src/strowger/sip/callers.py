"""The callers' side of calls: their INVITE transactions, and what each caller is told.

It leaves to others: what arrives from callers (edge), when they are told something (calls), the targets' side (forks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from strowger.sip import arrival
from strowger.sip.in_dialog import InDialog
from strowger.sip.leg import Leg
from strowger.sip.message.build import cancel_for, response_to
from strowger.sip.message.message import Request, Response
from strowger.sip.network import Network
from strowger.sip.proxy.forwarding import Forwarding, forward_response
from strowger.sip.record_route import is_in_route_set, rewrite_for_caller
from strowger.sip.transaction.errors import UnknownTransaction
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import Output
from strowger.sip.trunk.identity import with_own_from

RETRY_AFTER_S = 5
"""What a caller is told to wait when the store is down."""


class Callers:
    """Every caller whose call is not over."""

    def __init__(
        self,
        layer: TransactionLayer,
        network: Network,
        forwarding: Forwarding,
        in_dialog: InDialog,
        *,
        monotonic: Callable[[], float],
        perform: Callable[[Iterable[Output]], None],
        ignored: Callable[[str, str], None],
    ) -> None:
        """`perform` does what the transaction layer asks."""
        self._layer = layer
        self._network = network
        self._forwarding = forwarding
        self._in_dialog = in_dialog
        self._now = monotonic
        self._perform = perform
        self._ignored = ignored
        self._legs: dict[str, Leg] = {}
        self._legs_by_key: dict[str, Leg] = {}

    def __len__(self) -> int:
        return len(self._legs)

    def add(self, leg: Leg) -> None:
        """One more caller."""
        self._legs[leg.call_id] = self._legs_by_key[leg.key] = leg

    def find(self, call_id: str) -> Leg | None:
        """The caller of a call."""
        return self._legs.get(call_id)

    def find_by_key(self, key: str | None) -> Leg | None:
        """The caller of a transaction."""
        return self._legs_by_key.get(key or "")

    def forget(self, key: str) -> Leg | None:
        """The caller's transaction is over; None when the key is of none."""
        leg = self._legs_by_key.pop(key, None)
        if leg is not None:
            self._legs.pop(leg.call_id, None)
        return leg

    # What callers are told -------------------------------------------------------------------------------------------

    def respond(self, key: str, response: Response) -> None:
        """Answer a request of a caller, if its transaction is still there."""
        try:
            outputs = self._layer.respond(key, response, self._now())
        except UnknownTransaction:  # the caller's side has ended; what still comes from a target has nowhere to go
            self._ignored("a response for a transaction that has ended", arrival.summary(response))
            return
        self._perform(outputs)

    def proceed(self, leg: Leg, *, ringing: bool) -> None:
        """100, and 180 when the call is held: the caller hears ringing while the application decides."""
        is_new, invite, leg.arriving = leg.arriving is not None, leg.request(), None
        if is_new:
            self.respond(leg.key, response_to(invite, 100))
        if ringing:
            self.say(leg, invite, 180)

    def say(self, leg: Leg, invite: Request, status: int) -> None:
        """A provisional response of our own: 180, or 181 when the call is forwarded (RFC 3261 §21.1.2, §21.1.3).

        A caller that requires reliable provisional responses gets none of ours: they are not.
        """
        if any(tag.lower() == "100rel" for tag in invite.values("Require")):  # RFC 3262 §3
            return
        headers = [("Contact", f"<sip:{self._network.sent_by(leg.flow)};transport={leg.flow.transport.lower()}>")]
        headers += [("Record-Route", value) for value in invite.all("Record-Route")]
        self.respond(leg.key, response_to(invite, status, to_tag=self._forwarding.tag(leg.call_id), headers=headers))

    def finish(self, leg: Leg, status: int, reason: str, contacts: tuple[str, ...]) -> None:
        """A final response of our own; a reason that a target gave was made printable, and may have been cut."""
        reason = reason.encode("latin-1", "ignore").decode("latin-1")
        headers = retry_after(RETRY_AFTER_S if status == 503 else 0) + _contact(contacts)
        tag = self._forwarding.tag(leg.call_id)
        self.respond(leg.key, response_to(leg.request(), status, reason or None, to_tag=tag, headers=headers))

    def confirm_cancel(self, leg: Leg) -> None:
        """The 200 to a CANCEL, now that its effect is durable."""
        tag = self._forwarding.tag(leg.call_id)
        self.respond(leg.cancel_key, response_to(cancel_for(leg.request()), 200, to_tag=tag))

    def relay(self, leg: Leg, response: Response) -> None:
        """A target's response, without our Via and with our place in the route set as seen from there."""
        makes_dialog = 200 <= response.status < 300 or response.has("RSeq")  # a PRACK comes before (RFC 3262 §3)
        if makes_dialog and not is_in_route_set(response, leg.route_token):
            self._in_dialog.remember(leg.request(), response)
        self.respond(leg.key, self._for_caller(leg, response))

    def _for_caller(self, leg: Leg, response: Response) -> Response:
        forwarded = forward_response(response)
        if leg.route_token:
            here, attempt = self._network.sent_by(leg.flow), leg.attempt_of(response)
            target, only_flow = (attempt.flow, attempt.is_behind_nat) if attempt is not None else (None, False)
            rewrite_for_caller(
                self._forwarding, forwarded, leg.route_token, here, leg.flow, target, only_flow=only_flow
            )
        return with_own_from(forwarded, leg.request()) if leg.has_other_from else forwarded


def retry_after(seconds: int) -> tuple[tuple[str, str], ...]:
    """The header, when there is something to wait for."""
    return (("Retry-After", str(seconds)),) if seconds else ()


def _contact(uris: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Whom to call instead, the preferred one first (RFC 3261 §8.3, §20.10)."""
    if len(uris) == 1:
        return (("Contact", f"<{uris[0]}>"),)
    return tuple(("Contact", f"<{uri}>;q={max(1, 10 - position) / 10:.1f}") for position, uri in enumerate(uris))
