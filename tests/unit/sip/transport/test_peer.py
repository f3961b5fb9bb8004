"""Which flows lead to the same peer."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow
from strowger.sip.transport.peer import Peer, peer_of


@pytest.mark.parametrize(
    ("flow", "peer"),
    [
        (Flow("TCP", "192.0.2.1", 5060, 0, 7, "a.test"), Peer("TCP", "192.0.2.1", 5060, "")),
        (Flow("TLS", "192.0.2.1", 5061, 0), Peer("TLS", "192.0.2.1", 5061, "192.0.2.1")),
        (Flow("TLS", "192.0.2.1", 5061, 3, 7, "A.test"), Peer("TLS", "192.0.2.1", 5061, "a.test")),
        (Flow("WSS", "192.0.2.1", 5061, 0, 7), Peer("WSS", "192.0.2.1", 5061, "")),
    ],
)
def test_the_peer_of_a_flow(flow: Flow, peer: Peer) -> None:
    assert peer_of(flow, "192.0.2.1") == peer


def test_a_peer_in_a_sentence() -> None:
    assert str(Peer("TLS", "2001:db8::1", 5061, "a.test")) == "TLS to [2001:db8::1]:5061"
