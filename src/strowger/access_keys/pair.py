"""The two access keys of a resource (ACS: Authenticate with an access key).

Both are valid all the time. To replace a key without an outage, applications move to the other one first.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated, Final, Literal, get_args

import msgspec

KEY_OCTETS: Final = 64
"""Length of the keys that we make: that of the keys of ACS."""
SHORTEST_KEY_OCTETS: Final = 16
"""As in the settings."""
FINGERPRINT_DIGITS: Final = 16
LATEST: Final = 253_402_300_799
"""The last second of the year 9999, beyond which no date can be told."""

Which = Literal["primary", "secondary"]
WHICH: Final[tuple[Which, ...]] = get_args(Which)


class AccessKey(msgspec.Struct, frozen=True):
    """One access key. Its text form leaves the key out."""

    key: str
    """In base64, as connection strings have it."""
    made_at: Annotated[float, msgspec.Meta(ge=0, le=LATEST)]
    """Seconds since 1970."""

    def __post_init__(self) -> None:
        """Raise ValueError, which never repeats the key, when it is none."""
        try:
            octets = base64.b64decode(self.key, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("a key is not base64") from error
        if len(octets) < SHORTEST_KEY_OCTETS:
            raise ValueError(f"a key of {len(octets)} octets is too short: {SHORTEST_KEY_OCTETS} are the least")

    def __repr__(self) -> str:
        return f"AccessKey({self.fingerprint}, made_at={self.made_at})"

    @property
    def fingerprint(self) -> str:
        """What tells it apart without giving it away."""
        return fingerprint(self.key)


class KeyPair(msgspec.Struct, frozen=True):
    """The keys of one resource."""

    primary: AccessKey
    secondary: AccessKey

    @property
    def keys(self) -> tuple[str, str]:
        """Both in base64, the primary one first."""
        return self.primary.key, self.secondary.key

    def rotated(self, which: Which, new: AccessKey) -> KeyPair:
        """The same pair with one key replaced, and the other one as it was."""
        return KeyPair(new, self.secondary) if which == "primary" else KeyPair(self.primary, new)


def new_key(octets: bytes, now: float) -> AccessKey:
    """A key of these `octets`, which are to be drawn by chance, made at the wall time `now`."""
    return AccessKey(base64.b64encode(octets).decode("ascii"), now)


def fingerprint(key: str) -> str:
    """The beginning of the SHA-256 of a key that is given in base64."""
    return hashlib.sha256(base64.b64decode(key)).hexdigest()[:FINGERPRINT_DIGITS]


def encode(pair: KeyPair) -> bytes:
    """The pair as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(pair)) + b"\n"


def decode(octets: bytes) -> KeyPair:
    """What `encode` wrote. Raises ValueError, which never repeats a key."""
    try:
        return msgspec.json.decode(octets, type=KeyPair)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
