"""What applications decide about calls: whether they may, by which context, and what follows from it.

A decision is refused at once when its context or its user rules it out, and again when it is the turn of its call if
the hop took another one meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from strowger.calls.call import Opening
from strowger.calls.context import Claims, ContextSigner
from strowger.calls.decision import Accepted, Answer, RedirectCall, RejectCall, rejection
from strowger.calls.errors import CallError, ContextForeign, DecisionRefused, TooManyRedirects
from strowger.calls.ledger import Clock, Ledger, LiveCall
from strowger.calls.limits import Limits
from strowger.calls.machine import Input, Occurrence
from strowger.calls.openings import Openings
from strowger.calls.ports import Receipt
from strowger.calls.standing import not_found, require_open, require_own

OpenHop = Callable[[LiveCall, Input, Occurrence, Answer, Receipt | None], None]
"""Opens a hop and answers once that is durable. Raises DecisionRefused, and opens nothing then."""


class Decisions:
    """The decisions about all calls. Implements `decision.CallControl`."""

    def __init__(
        self,
        ledger: Ledger,
        contexts: ContextSigner,
        openings: Openings,
        clock: Clock,
        limits: Limits,
        open_hop: OpenHop,
    ) -> None:
        self._ledger = ledger
        self._contexts = contexts
        self._openings = openings
        self._clock = clock
        self._limits = limits
        self._open = open_hop

    def redirect(self, command: RedirectCall, answer: Answer) -> None:
        """Close the current hop and open one for the target (ACS: Redirect Call, 2026-03-12)."""
        self._decide(command, lambda live: self._redirect(live, command, answer), answer)

    def reject(self, command: RejectCall, answer: Answer) -> None:
        """Close the current hop and end the call (ACS: Reject Call, 2026-03-12)."""
        self._decide(command, lambda live: self._reject(live, command, answer), answer)

    def _decide(self, command: RedirectCall | RejectCall, decide: Callable[[LiveCall], None], answer: Answer) -> None:
        try:
            claims = self._claims(command)
        except DecisionRefused as refusal:
            answer(refusal)
            return

        def settle(live: LiveCall) -> None:
            try:
                require_own(live.call, command.user)
                require_open(live.call, claims.hop_index)
                decide(live)
            except DecisionRefused as refusal:
                answer(refusal)

        if not self._ledger.tell(claims.call_id, settle, answer):
            answer(not_found())

    def _claims(self, command: RedirectCall | RejectCall) -> Claims:
        """What the context says, which has to be the command's own. Raises DecisionRefused."""
        claims = self._contexts.read(command.incoming_call_context)
        if claims.resource != command.resource:
            raise ContextForeign("incomingCallContext belongs to another resource: sign with a key of that resource")
        require_own(self._ledger.call(claims.call_id), command.user)
        return claims

    def _redirect(self, live: LiveCall, command: RedirectCall, answer: Answer) -> None:
        what, occurrence = self._openings.redirect(live, command.target, Opening.REDIRECT)
        if what is Input.TOO_MANY:
            answer = partial(self._too_many, answer)
        self._open(live, what, occurrence, answer, command.receipt)

    def _too_many(self, answer: Answer, outcome: Accepted | CallError) -> None:
        limit = self._limits.redirects_per_call
        refusal = TooManyRedirects(
            f"the call was redirected {limit} times already, which is as often as it may be; it has been ended"
        )
        answer(outcome if isinstance(outcome, CallError) else refusal)

    def _reject(self, live: LiveCall, command: RejectCall, answer: Answer) -> None:
        status, reason = rejection(command.reason, self._limits.reject_none_status)
        why = f"rejected by the application ({command.reason.value})"
        occurrence = Occurrence(self._clock.wall(), status=status, reason=reason, why=why)
        self._ledger.apply(live, Input.REJECT, occurrence, answer=answer, receipt=command.receipt)
