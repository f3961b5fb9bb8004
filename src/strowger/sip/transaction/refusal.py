"""Refusing a request without keeping anything about it (RFC 3261 §8.2.7), and knowing the ACK of such a refusal.

When to refuse is decided by the layer.
"""

from __future__ import annotations

from typing import Final

from strowger.sip.message.build import response_to
from strowger.sip.message.message import Request
from strowger.sip.transaction.key import refusal_tag
from strowger.sip.transaction.outputs import Send

RETRY_AFTER_S: Final = 5
"""Seconds a refused peer is asked to leave us alone: transactions of calls that end now are gone by then."""


def refuse_merged(request: Request, flow: object) -> Send:
    """482: the same request reached us by two paths; the first is being served. RFC 3261 §8.2.2.2"""
    return _refuse(request, flow, 482)


def refuse_overload(request: Request, flow: object) -> Send:
    """503: the transaction table is full. RFC 3261 §21.5.4"""
    return _refuse(request, flow, 503, (("Retry-After", str(RETRY_AFTER_S)),))


def is_ack_of_refusal(ack: Request) -> bool:
    """Whether an ACK acknowledges a refusal of ours; it carries the To tag that we computed from the same fields."""
    return ack.to_tag == refusal_tag(ack)


def _refuse(request: Request, flow: object, status: int, headers: tuple[tuple[str, str], ...] = ()) -> Send:
    response = response_to(request, status, to_tag=refusal_tag(request), headers=headers)
    return Send(flow, response.to_bytes(), "")
