"""How large an answer may be."""

from __future__ import annotations

import pytest

from strowger.sip.amplification import is_bounded, received_bytes
from strowger.sip.arrival import stamp_source
from strowger.sip.flow import Flow
from tests.support.admission import an_invite

UDP = Flow("UDP", "198.51.100.7", 5062, 0, 0)


@pytest.mark.parametrize(("size", "fits"), [(0, True), (200, True), (201, False)])
def test_an_answer_over_udp_has_at_most_twice_the_bytes(size: int, *, fits: bool) -> None:
    assert is_bounded(bytes(size), 100, UDP) == fits


@pytest.mark.parametrize("transport", ["TCP", "TLS", "WS", "WSS"])
def test_over_a_connection_everything_fits(transport: str) -> None:
    assert is_bounded(bytes(10_000), 1, UDP._replace(transport=transport))


@pytest.mark.parametrize("host", ["198.51.100.7", "198.51.100.123", "2001:db8::1"])
def test_what_we_noted_ourselves_did_not_come(host: str) -> None:
    invite = an_invite()
    came, flow = len(invite.to_bytes()), UDP._replace(host=host, port=65_535)
    stamp_source(invite, flow)
    assert len(invite.to_bytes()) > came
    assert received_bytes(invite, flow) == came


def test_never_more_than_came() -> None:
    invite = an_invite()
    assert received_bytes(invite, UDP) < len(invite.to_bytes())
