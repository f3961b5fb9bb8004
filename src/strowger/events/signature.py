"""Signatures by which an endpoint knows that a request is ours (Standard Webhooks 1.0.0).

A symmetric signature, v1: HMAC-SHA256 of id, time and body under a secret that both sides have. With two secrets there
are two signatures, so that an endpoint may change from one to the other whenever it likes. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

PREFIX: Final = "whsec_"
SHORTEST_SECRET_OCTETS: Final = 24
LONGEST_SECRET_OCTETS: Final = 64
NEW_SECRET_OCTETS: Final = 32
"""Of a secret that we make: as many as the hash has."""
MOST_SECRETS: Final = 2
"""The one of today, and the one it is being changed for."""


def secret(text: str) -> bytes:
    """The octets of a secret as it is written. Raises ValueError, and never repeats the secret."""
    if not text.startswith(PREFIX):
        raise ValueError(f"a signing secret begins with {PREFIX}")
    try:
        octets = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError as error:  # not ASCII, or not base64
        raise ValueError(f"a signing secret is not base64 after {PREFIX}") from error
    if not SHORTEST_SECRET_OCTETS <= len(octets) <= LONGEST_SECRET_OCTETS:
        raise ValueError(
            f"a signing secret of {len(octets)} octets is none of {SHORTEST_SECRET_OCTETS} to {LONGEST_SECRET_OCTETS}"
        )
    return octets


def written(octets: bytes) -> str:
    """A secret as it is written."""
    return PREFIX + base64.b64encode(octets).decode()


def message_id(event_ids: Sequence[str]) -> str:
    """What names a request, and is the same whenever the same events are sent again: the id of the only one, or one
    made of all.
    """
    if len(event_ids) == 1:
        return event_ids[0]
    return f"batch_{hashlib.sha256('.'.join(event_ids).encode()).hexdigest()[:32]}"


def headers(secrets: Iterable[bytes], message: str, wall: float, body: bytes) -> dict[str, str]:
    """The three headers of a request that is sent at wall time `wall`; none without a secret."""
    timestamp = str(int(wall))
    content = f"{message}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(each, content, "sha256")).decode() for each in secrets]
    if not signatures:
        return {}
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }
