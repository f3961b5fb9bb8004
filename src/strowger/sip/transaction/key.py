"""Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3), as short strings.

A server key reads `server INVITE host:port branch`, a client key `client INVITE branch`. Requests of RFC 2543 peers,
whose branch says nothing, are told apart by a digest of the fields that the standard names. What a message means to the
transaction it belongs to is left to the machines.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from strowger.sip.message.message import Request, Response
from strowger.sip.message.via import Via

COOKIE: Final = "z9hG4bK"
"""Begins every branch that is unique by itself. RFC 3261 §8.1.1.7"""
MAX_KEY: Final = 200
"""Characters; a longer key is replaced by its digest, so that a peer cannot choose how much memory a key takes."""
MAX_METHOD: Final = 32
"""Characters of a method that such a key still shows."""


def server_key(request: Request, method: str | None = None) -> str:
    """Key of the server transaction a request belongs to; an ACK belongs to its INVITE. `method` stands in for the
    request's own: the INVITE that a CANCEL is about. Raises ParseError when a field it needs is malformed.

    For an RFC 2543 ACK it is the key that `ack_key` gave to the final response. RFC 3261 §17.2.3
    """
    own = method or request.method
    via = request.top_via
    branch = via.branch
    if branch is None or not _is_unique(branch):
        if own == "ACK":
            return ack_key(_stem(request, via), request.to_tag)
        return f"server {own[:MAX_METHOD]} {_digest(_stem(request, via), own, request.to_tag)}"
    if own == "ACK":
        own = "INVITE"
    # The branch is compared as it was written. Tokens are case-insensitive, but nobody changes the case of a branch,
    # and peers that count in letters and digits do produce two that differ in nothing else.
    return _bounded(f"server {own} {via.sent_by} {branch}")


def rfc2543_stem(request: Request) -> str | None:
    """Digest of what an RFC 2543 INVITE and its ACK have in common; None for a request with an RFC 3261 branch."""
    via = request.top_via
    if via.branch is not None and _is_unique(via.branch):
        return None
    return _stem(request, via)


def ack_key(stem: str, to_tag: str | None) -> str:
    """Key under which the ACK of an RFC 2543 peer arrives: the To tag is the one of our response."""
    return f"server ACK {_digest(stem, to_tag)}"


def client_key(message: Request | Response, method: str | None = None) -> str | None:
    """Key of the client transaction that sent a request or gets a response; None without an RFC 3261 branch.

    Branch and method are enough: the branch is our own. RFC 3261 §17.1.3
    """
    branch = message.top_via.branch
    if branch is None or not _is_unique(branch):
        return None
    if method is None:
        method = message.method if isinstance(message, Request) else message.cseq.method
    return _bounded(f"client {method} {branch}")


def merged_id(request: Request) -> str | None:
    """What two copies of one request share that came by different paths; None if the request cannot be such a copy.

    A CANCEL never is: the one for a refused copy must find out that there is nothing to cancel. RFC 3261 §8.2.2.2
    """
    if request.to_tag is not None or request.method in {"ACK", "CANCEL"}:
        return None
    number, method = request.cseq
    return _digest(request.from_tag, request.call_id, str(number), method)


def refusal_tag(request: Request) -> str:
    """To tag of a response sent without a transaction: the same for every copy of the request, and its ACK.

    RFC 3261 §8.2.7
    """
    via = request.top_via
    number = str(request.cseq.number)
    return _digest("refusal", via.sent_by, via.branch, request.from_tag, request.call_id, number)


def _is_unique(branch: str) -> bool:
    return len(branch) > len(COOKIE) and branch.startswith(COOKIE)


def _stem(request: Request, via: Via) -> str:
    return _digest(request.uri, request.from_tag, request.call_id, str(request.cseq.number), via.raw)


def _bounded(key: str) -> str:
    if len(key) <= MAX_KEY:
        return key
    direction, method, _ = key.split(" ", 2)
    return f"{direction} {method[:MAX_METHOD]} {_digest(key)}"


def _digest(*parts: str | None) -> str:
    # A header value contains no line break, so no two different lists of parts are joined to the same text.
    text = "\n".join([part or "" for part in parts])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
