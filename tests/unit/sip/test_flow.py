"""A flow is a small value."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow, flow_of, word_of


@pytest.mark.parametrize(("transport", "reliable"), [("UDP", False), ("TCP", True)])
def test_only_udp_loses(transport: str, reliable: bool) -> None:
    assert Flow(transport, "192.0.2.9", 5060, 0).reliable is reliable


@pytest.mark.parametrize(
    ("transport", "is_stream"), [("UDP", False), ("TCP", True), ("TLS", True), ("WS", False), ("WSS", False)]
)
def test_a_stream_has_no_boundaries_of_its_own(transport: str, is_stream: bool) -> None:
    assert Flow(transport, "192.0.2.9", 5060, 0).is_stream is is_stream


@pytest.mark.parametrize(
    ("transport", "speaks"), [("UDP", True), ("TCP", True), ("TLS", True), ("WS", False), ("WSS", False)]
)
def test_over_websocket_it_need_not_be_the_host_that_speaks(transport: str, speaks: bool) -> None:
    assert Flow(transport, "192.0.2.9", 5060, 0).is_of_its_host is speaks


def test_what_a_via_is_told_has_no_zone() -> None:
    assert Flow("UDP", "fe80::1%eth0", 5060, 0).received == "fe80::1"
    assert Flow("UDP", "192.0.2.9", 5060, 0).received == "192.0.2.9"


@pytest.mark.parametrize("host", ["192.0.2.9", "2001:db8::1", "fe80::1%eth0"])
def test_a_flow_bound_to_its_connection_reads_back_from_its_word(host: str) -> None:
    flow = Flow("WSS", host, 40_000, 3, 1_700_000_007)
    assert flow_of(word_of(flow)) == flow
    named = flow._replace(name="sbc-1.carrier.example")
    assert flow_of(word_of(named)) == named
    assert set(word_of(named)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize("flow", [Flow("UDP", "192.0.2.9", 5060, 0), Flow("TCP", "192.0.2.9", 5060, 0, 7)])
def test_any_other_flow_needs_no_word(flow: Flow) -> None:
    assert word_of(flow) == ""
    assert flow_of("") is None


@pytest.mark.parametrize(
    ("transport", "host", "expected"),
    [
        ("TLS", "192.0.2.9", True),
        ("WSS", "192.0.2.9", True),
        ("TCP", "192.0.2.9", False),
        ("UDP", "10.0.0.1", False),
        ("WS", "192.0.2.9", False),
        ("WS", "127.0.0.1", True),
        ("UDP", "127.8.9.1", True),
        ("UDP", "::1", True),
        ("UDP", "fe80::1%eth0", False),
        ("TCP", "localhost", False),
    ],
)
def test_where_nobody_reads_along(transport: str, host: str, expected: bool) -> None:
    assert Flow(transport, host, 5060, 0).is_confidential is expected
