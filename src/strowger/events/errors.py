"""What can go wrong on the way to a subscriber.

EventsError
├── SubscriptionInvalid      the operator's fault: a subscription that cannot be served
├── FilterInvalid            the operator's fault: a filter that Event Grid would refuse
├── EventInvalid             the operator's fault: what is to be sent again is no event like the one it was
├── Unanswered               the endpoint's fault, or the network's: no HTTP status came back
└── UnexpectedInput          ours: a handshake was told what cannot happen in its state
"""

from __future__ import annotations

from strowger.events.outcome import Outcome


class EventsError(Exception):
    """Root of the room."""


class SubscriptionInvalid(EventsError):
    """A subscription that cannot be served as it is written; the text says which member and why."""


class FilterInvalid(EventsError):
    """A filter that cannot be what its operator meant; the text says why."""


class EventInvalid(EventsError):
    """An edited event that cannot take the place of the one it was; the text says why."""


class Unanswered(EventsError):
    """The endpoint gave no usable HTTP answer; the text says why, safe to print."""

    def __init__(self, why: str, outcome: Outcome = Outcome.SOCKET_ERROR) -> None:
        super().__init__(why)
        self.outcome = outcome


class UnexpectedInput(EventsError):
    """A pair of state and input that cannot happen."""
