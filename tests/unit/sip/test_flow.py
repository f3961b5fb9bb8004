"""A flow is a small value."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow


@pytest.mark.parametrize(("transport", "reliable"), [("UDP", False), ("TCP", True)])
def test_only_udp_loses(transport: str, reliable: bool) -> None:
    assert Flow(transport, "192.0.2.9", 5060, 0).reliable is reliable


def test_what_a_via_is_told_has_no_zone() -> None:
    assert Flow("UDP", "fe80::1%eth0", 5060, 0).received == "fe80::1"
    assert Flow("UDP", "192.0.2.9", 5060, 0).received == "192.0.2.9"
