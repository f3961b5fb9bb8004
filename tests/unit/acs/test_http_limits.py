from __future__ import annotations

from strowger.acs.http_limits import HttpLimits


def test_the_defaults() -> None:
    assert HttpLimits() == HttpLimits(
        head_bytes=16_384,
        head_fields=64,
        body_bytes=65_536,
        head_s=10.0,
        body_s=20.0,
        write_s=20.0,
        idle_s=75.0,
        linger_s=2.0,
        handshake_s=5.0,
        connections=4_000,
    )
