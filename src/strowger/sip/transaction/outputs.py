"""Everything the transaction layer asks of its shell and tells the core above, in the order in which it is to be done.

A flow is the transport room's address of a peer; it is handed through unchanged and never looked into.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from strowger.sip.message.message import Request, Response


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes to that peer."""

    flow: object
    payload: bytes
    key: str
    """Whom to tell with `transport_failed` when it cannot be sent; empty for a response without a transaction."""


@dataclass(frozen=True, slots=True)
class RequestArrived:
    """A new server transaction: any method except ACK. The core answers through `respond`; nothing is sent before."""

    key: str
    request: Request
    flow: object


@dataclass(frozen=True, slots=True)
class AckArrived:
    """An ACK that is not the end of a server transaction of ours: for a 2xx, or matching nothing."""

    request: Request
    flow: object
    key: str | None
    """The server transaction in Accepted that it matches, if any. RFC 6026 §7.1"""


@dataclass(frozen=True, slots=True)
class ResponseArrived:
    """A response to a request of ours: each 1xx, each 2xx to an INVITE, any other final response once."""

    key: str
    response: Response


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Client: no answer in time (Timer B, F). Server: our final response was never acknowledged (Timer H)."""

    key: str


@dataclass(frozen=True, slots=True)
class TransportFailed:
    """The last thing this transaction sent did not leave. For a client its end, as a 503 would be; a server transaction
    of an INVITE lives on, since the answer may yet reach the peer (RFC 6026 §7.1)."""

    key: str


@dataclass(frozen=True, slots=True)
class Terminated:
    """The transaction is over and its key is free."""

    key: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Absorbed or dropped; nothing to do but to write the reason down at debug level."""

    reason: str
    message: Request | Response | None


Output: TypeAlias = (
    Send | RequestArrived | AckArrived | ResponseArrived | TimedOut | TransportFailed | Terminated | Ignored
)
