"""The two access keys of a resource."""

from __future__ import annotations

import base64
import hashlib

import pytest

from strowger.access_keys.pair import (
    FINGERPRINT_DIGITS,
    LATEST,
    SHORTEST_KEY_OCTETS,
    AccessKey,
    KeyPair,
    decode,
    encode,
    fingerprint,
    new_key,
)

FIRST, SECOND, THIRD = (new_key(bytes([octet]) * 64, 100.0 + octet) for octet in (1, 2, 3))
PAIR = KeyPair(FIRST, SECOND)


def test_rotating_one_leaves_the_other_alone() -> None:
    assert PAIR.rotated("primary", THIRD) == KeyPair(THIRD, SECOND)
    assert PAIR.rotated("secondary", THIRD) == KeyPair(FIRST, THIRD)
    assert PAIR.keys == (FIRST.key, SECOND.key)


def test_a_fingerprint_tells_keys_apart_and_gives_nothing_away() -> None:
    expected = hashlib.sha256(b"\x01" * 64).hexdigest()[:FINGERPRINT_DIGITS]
    assert FIRST.fingerprint == fingerprint(base64.b64encode(b"\x01" * 64).decode()) == expected
    assert repr(PAIR) == (
        f"KeyPair(primary=AccessKey({expected}, made_at=101.0), "
        f"secondary=AccessKey({SECOND.fingerprint}, made_at=102.0))"
    )


def test_what_was_written_is_read() -> None:
    assert decode(encode(PAIR)) == PAIR


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"primary": {"key": "c2VjcmV0", "made_at": 1}}', "a key of 6 octets is too short"),
        (b'{"primary": {"key": "c2VjcmV0!", "made_at": 1}}', "a key is not base64"),
        (encode(PAIR).replace(b"101.0", b"-1"), "Expected `float` >= 0"),
        (encode(PAIR).replace(b"101.0", b"%d" % (LATEST + 1)), "Expected `float` <= "),
        (encode(PAIR).replace(b"secondary", b"tertiary"), "missing required field `secondary`"),
    ],
)
def test_what_is_no_pair_is_refused_without_repeating_a_key(octets: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        decode(octets)
    assert "c2VjcmV0" not in str(refused.value)


def test_the_shortest_key() -> None:
    assert AccessKey(base64.b64encode(b"x" * SHORTEST_KEY_OCTETS).decode(), 0).made_at == 0
    with pytest.raises(ValueError, match="too short"):
        AccessKey(base64.b64encode(b"x" * (SHORTEST_KEY_OCTETS - 1)).decode(), 0)
