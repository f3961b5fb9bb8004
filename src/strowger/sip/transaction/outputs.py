"""Everything the transaction layer asks of its shell and tells the core above, in the order in which it is to be done.

A flow is the transport room's address of a peer; it is handed through unchanged and never looked into.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from strowger.sip.message.message import Request, Response


class Send(Struct, frozen=True, gc=False):
    """Send these bytes to that peer."""

    flow: object
    payload: bytes
    key: str
    """Whom to tell with `transport_failed` when it cannot be sent; empty for a response without a transaction."""


class RequestArrived(Struct, frozen=True, gc=False):
    """A new server transaction: any method except ACK. The core answers through `respond`; nothing is sent before."""

    key: str
    request: Request
    flow: object


class AckArrived(Struct, frozen=True, gc=False):
    """An ACK that is not the end of a server transaction of ours: for a 2xx, or matching nothing."""

    request: Request
    flow: object
    key: str | None
    """The server transaction in Accepted that it matches, if any. RFC 6026 §7.1"""


class ResponseArrived(Struct, frozen=True, gc=False):
    """A response to a request of ours: each 1xx, each 2xx to an INVITE, any other final response once."""

    key: str
    response: Response


class TimedOut(Struct, frozen=True, gc=False):
    """Client: no answer in time (Timer B, F). Server: our final response was never acknowledged (Timer H)."""

    key: str


class TransportFailed(Struct, frozen=True, gc=False):
    """The last thing this transaction sent did not leave. For a client its end, as a 503 would be; a server transaction
    of an INVITE lives on, since the answer may yet reach the peer (RFC 6026 §7.1)."""

    key: str


class Terminated(Struct, frozen=True, gc=False):
    """The transaction is over and its key is free."""

    key: str


class Ignored(Struct, frozen=True, gc=False):
    """Absorbed or dropped; nothing to do but to write the reason down at debug level."""

    reason: str
    message: Request | Response | None


Output: TypeAlias = (
    Send | RequestArrived | AckArrived | ResponseArrived | TimedOut | TransportFailed | Terminated | Ignored
)
