"""Keep-alives over UDP, held against the sample messages of RFC 5769 for the address part."""

from __future__ import annotations

import pytest

from strowger.sip.stun import binding_answer, is_stun

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
REQUEST = bytes.fromhex("000100002112a442") + TRANSACTION
SOFTWARE = bytes.fromhex("80220005") + b"phone" + b"\0\0\0"  # optional, padded to four octets


def test_where_an_ipv4_phone_is_seen() -> None:
    """RFC 5769 §2.2: 192.0.2.1, port 32853."""
    assert binding_answer(REQUEST, "192.0.2.1", 32853) == (
        bytes.fromhex("0101000c2112a442") + TRANSACTION + bytes.fromhex("002000080001a147e112a643")
    )


def test_where_an_ipv6_phone_is_seen() -> None:
    """RFC 5769 §2.3: 2001:db8:1234:5678:11:2233:4455:6677, port 32853."""
    address = "2001:db8:1234:5678:11:2233:4455:6677"
    attribute = bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
    assert binding_answer(REQUEST, address, 32853) == bytes.fromhex("010100182112a442") + TRANSACTION + attribute
    assert binding_answer(REQUEST, "fe80::1%eth0", 5060) is not None


@pytest.mark.parametrize(("host", "headers"), [("192.0.2.1", 28), ("2001:db8::1", 48)])
def test_a_packet_is_answered_with_less_than_one_and_a_half(host: str, headers: int) -> None:
    """With the headers of IP and UDP: a request says nothing but that it is one."""
    answer = binding_answer(REQUEST, host, 5060) or b""
    assert len(answer) + headers <= 1.5 * (len(REQUEST) + headers)


def test_optional_attributes_are_passed_over() -> None:
    request = bytes.fromhex("0001000c2112a442") + TRANSACTION + SOFTWARE
    assert binding_answer(request, "192.0.2.1", 5060) is not None


@pytest.mark.parametrize(
    "datagram",
    [
        bytes.fromhex("010100002112a442") + TRANSACTION,  # an answer
        bytes.fromhex("001100002112a442") + TRANSACTION,  # an indication
        bytes.fromhex("000100082112a442") + TRANSACTION,  # shorter than it says
        bytes.fromhex("000100082112a442") + TRANSACTION + bytes.fromhex("0006000475736572"),  # USERNAME
        bytes.fromhex("000100042112a442") + TRANSACTION + bytes.fromhex("80220005"),  # an attribute cut short
        bytes.fromhex("000100022112a442") + TRANSACTION + bytes.fromhex("8022"),
    ],
)
def test_what_gets_no_answer(datagram: bytes) -> None:
    assert is_stun(datagram)
    assert binding_answer(datagram, "192.0.2.1", 5060) is None


@pytest.mark.parametrize(
    "datagram", [b"", b"\r\n\r\n", REQUEST[:-1], b"OPTIONS sip:a SIP/2.0\r\n\r\n", b"\x02" + REQUEST[1:]]
)
def test_what_is_no_stun(datagram: bytes) -> None:
    assert not is_stun(datagram)
