"""The address policy against two references: the standard library's own tables, and how the system reads numbers."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import given
from hypothesis import strategies as st

from strowger.events.address_policy import AddressPolicy, literal, special, standing_for

PUBLIC = AddressPolicy()
ADDRESSES_4 = st.integers(0, 2**32 - 1).map(IPv4Address)
NEAR_SPECIAL_4 = st.builds(
    lambda first, rest: IPv4Address(first << 24 | rest),
    st.sampled_from([0, 10, 100, 127, 169, 172, 192, 198, 203, 224, 240, 255]),
    st.integers(0, 2**24 - 1),
)
ADDRESSES_6 = st.one_of(
    st.integers(0, 2**128 - 1),
    st.integers(0, 2**64 - 1),
    st.builds(
        lambda prefix, rest: prefix << 112 | rest,
        st.sampled_from([0x64, 0x100, 0x2001, 0x2002, 0x3FFF, 0x5F00, 0xFC00, 0xFE80, 0xFEC0, 0xFF02]),
        st.integers(0, 2**112 - 1),
    ),
).map(IPv6Address)


@given(ADDRESSES_4 | NEAR_SPECIAL_4 | ADDRESSES_6)
def test_nothing_is_public_that_the_standard_library_knows_as_special(address: IPv4Address | IPv6Address) -> None:
    inner = standing_for(address)
    is_special = inner.is_private or inner.is_loopback or inner.is_link_local or inner.is_multicast or inner.is_reserved
    if is_special or inner.is_unspecified:
        assert special(inner), (address, inner)
        assert PUBLIC.refusal(str(address), 443), address


@given(ADDRESSES_4 | NEAR_SPECIAL_4)
def test_whatever_stands_for_a_special_address_is_as_special(address: IPv4Address) -> None:
    is_refused = bool(PUBLIC.refusal(str(address), 443))
    for spelling in (
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        f"2002:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}::1",
    ):
        assert bool(PUBLIC.refusal(spelling, 443)) is is_refused
        assert bool(PUBLIC.refusal_of_url(f"http://[{spelling}]/")) is is_refused


NUMBER = st.one_of(st.integers(0, 300), st.integers(0, 2**33)).flatmap(
    lambda value: st.sampled_from(
        [str(value), f"{value:#x}", f"0{value:o}", f"0X{value:X}", f"000{value:o}", f"{value}8"]
    )
)


@given(st.lists(NUMBER, min_size=1, max_size=5).map(".".join))
def test_numbers_are_read_as_the_system_reads_them(host: str) -> None:
    try:
        expected = IPv4Address(socket.inet_aton(host))
    except OSError:
        expected = None
    assert literal(host) == expected


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_an_address(host: str) -> None:
    found = literal(host)
    assert found is None or ip_address(str(found)) == found
