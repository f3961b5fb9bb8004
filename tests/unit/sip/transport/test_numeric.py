"""Numeric addresses."""

from __future__ import annotations

import pytest

from strowger.sip.transport.numeric import group_of, numeric, printed, unsendable


@pytest.mark.parametrize(
    ("text", "family", "spelling"),
    [
        ("127.0.0.1", 4, "127.0.0.1"),
        ("2001:DB8:0:0::1", 6, "2001:db8::1"),
        ("::ffff:192.0.2.1", 4, "192.0.2.1"),
        ("fe80::1%1", 6, "fe80::1%1"),
        ("fe80::1%lo", 6, "fe80::1%1"),
    ],
)
def test_addresses_have_one_spelling(text, family, spelling):
    address = numeric(text)
    assert address is not None
    assert (address.family, printed(address)) == (family, spelling)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "1.2.3", "01.2.3.4", "1.2.3.4%1", "::g", "[::1]", "1.2.3.4\0", "½", "fe80::1%nosuch", "1" * 99],
)
def test_what_is_no_address(text):
    assert numeric(text) is None


def test_a_zone_becomes_the_scope_of_the_socket_address():
    address, plain = numeric("fe80::1%3"), numeric("::1")
    assert address is not None and plain is not None
    assert address.at(5060) == ("fe80::1", 5060, 0, 3)
    assert plain.at(5060) == ("::1", 5060)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.1", ""),
        ("2001:db8::1", ""),
        ("0.0.0.0", "is the unspecified address"),
        ("::", "is the unspecified address"),
        ("224.0.1.75", "is a multicast address"),
        ("239.255.255.255", "is a multicast address"),
        ("240.0.0.1", ""),
        ("ff02::1", "is a multicast address"),
        ("255.255.255.255", "is the broadcast address"),
        ("example.com", "is no numeric address"),
    ],
)
def test_what_may_not_be_sent_to(host, reason):
    assert unsendable(host) == reason


def test_an_ipv6_host_cannot_pass_for_many_by_changing_its_address():
    assert group_of("2001:db8:1:2::1") == group_of("2001:db8:1:2:ffff::9") != group_of("2001:db8:1:3::1")
    assert group_of("192.0.2.1") != group_of("192.0.2.2")
