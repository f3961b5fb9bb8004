"""Which trunk an INVITE comes from."""

from __future__ import annotations

import pytest

from strowger.sip.trunk.origin import Origins

ORIGINS = Origins(
    [
        ("wide", ["192.0.2.0/24", "2001:db8::/32"]),
        ("narrow", ["192.0.2.128/25", "2001:db8:1::/48"]),
        ("host", ["192.0.2.200", "198.51.100.7", "2001:db8:1::7"]),
    ]
)


@pytest.mark.parametrize(
    ("source", "trunk"),
    [
        ("192.0.2.1", "wide"),
        ("192.0.2.127", "wide"),
        ("192.0.2.128", "narrow"),
        ("192.0.2.200", "host"),
        ("198.51.100.7", "host"),
        ("198.51.100.8", None),
        ("2001:db8::1", "wide"),
        ("2001:DB8:1::1", "narrow"),
        ("2001:db8:1::7", "host"),
        ("2001:db8:1::7%eth0", "host"),
        ("2001:db9::1", None),
        ("::ffff:192.0.2.200", "host"),
    ],
)
def test_the_smallest_network_decides(source: str, trunk: str | None) -> None:
    assert ORIGINS.trunk_of(source) == trunk


def test_everybody() -> None:
    assert Origins([("all", ["0.0.0.0/0"])]).trunk_of("203.0.113.9") == "all"
    assert Origins([("all", ["0.0.0.0/0"])]).trunk_of("2001:db8::1") is None


def test_nobody() -> None:
    assert Origins([]).trunk_of("203.0.113.9") is None


def test_the_same_network_twice_in_one_trunk_is_no_conflict() -> None:
    assert Origins([("a", ["192.0.2.7", "192.0.2.7/32"])]).trunk_of("192.0.2.7") == "a"


def test_two_trunks_with_one_network_are_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"192\.0\.2\.7/32 would come from the trunks a and b"):
        Origins([("a", ["192.0.2.7"]), ("b", ["192.0.2.7"])])


@pytest.mark.parametrize("text", ["carrier.example", "192.0.2.7/24", "192.0.2.0/33"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Origins([("a", [text])])
