"""The incomingCallContext: the signed handle with which an application decides about one hop of one call.

Three base64url parts joined by dots. The middle one is JSON with a `cc` member, because applications in the field
read it (ACS: IncomingCall event, incomingCallContext); the third is an HMAC-SHA256 over the first two. Nothing a
client sends is decoded before its signature holds. Single use comes from the call machine: a hop takes one decision.
"""

from __future__ import annotations

import base64
import hmac
from typing import Final, NamedTuple

import msgspec

from strowger.calls.errors import ContextMalformed

MAX_CONTEXT_CHARACTERS: Final = 1_024
"""Longer ones are not ours; ours stay below 400, since names of resources and nodes are bounded by the settings."""

_HEADER: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
_PARTS: Final = 3


class Claims(NamedTuple):
    """What a context says once its signature holds."""

    call_id: str
    hop_index: int
    resource: str
    expires_at: int
    """Wall clock, seconds."""
    node: str
    """The node that owns the call."""


class _Payload(msgspec.Struct, frozen=True):
    cc: str
    exp: int
    rs: str
    nd: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Payload).decode


class ContextSigner:
    """Issues and reads contexts with one secret of at least 32 bytes."""

    def __init__(self, secret: bytes, node: str = "") -> None:
        self._secret = secret
        self._node = node

    def issue(self, call_id: str, hop_index: int, resource: str, expires_at: float) -> str:
        """The context of one hop."""
        payload = _encode(_Payload(f"{call_id}.{hop_index}", int(expires_at), resource, self._node))
        signed = f"{_HEADER}.{_base64url(payload)}"
        return f"{signed}.{_base64url(self._sign(signed))}"

    def read(self, context: str) -> Claims:
        """What a context claims. Raises ContextMalformed for anything this server did not sign."""
        signed, _, signature = context.rpartition(".")
        if len(context) > MAX_CONTEXT_CHARACTERS or not context.isascii() or context.count(".") != _PARTS - 1:
            raise ContextMalformed(
                "incomingCallContext is not one that this server issued: copy it unchanged from the IncomingCall event"
            )
        if not hmac.compare_digest(_base64url(self._sign(signed)), signature):
            raise ContextMalformed(
                "the signature of incomingCallContext does not hold: it was altered, or another server issued it"
            )
        payload = _decode(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        call_id, _, hop_index = payload.cc.rpartition(".")
        return Claims(call_id, int(hop_index), payload.rs, payload.exp, payload.nd)

    def _sign(self, text: str) -> bytes:
        return hmac.digest(self._secret, text.encode("ascii"), "sha256")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
