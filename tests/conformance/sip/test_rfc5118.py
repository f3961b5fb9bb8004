"""The 12 messages of RFC 5118 §4.1 to §4.10, IPv6 torture: which layer must object to each.

Unlike RFC 4475 it has no archive: the files are its printed text with CRLF at the end of each line. The three messages
with a body are printed with a Content-Length that does not fit (268 for 251, 181 for 189, 236 for 245 octets); they are
kept as printed, and judged also with the right one.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

import pytest

from strowger.sip.message import (
    Address,
    ParseError,
    Refusal,
    Request,
    SipUri,
    StreamFramer,
    Via,
    check_request,
    parse_message,
)

MESSAGES = Path(__file__).parent / "rfc5118"


class Row(NamedTuple):
    file: str
    section: str
    status: int | None
    """What it must be answered with here, None where it is sound."""
    printed: int | None = None
    """The same with the Content-Length it is printed with."""


TABLE = [
    Row("ipv6-good", "4.1", None),
    Row("ipv6-bad", "4.2", 400, 400),  # an address without brackets
    Row("port-ambiguous", "4.3", None),  # an address, and no port
    Row("port-unambiguous", "4.4", None),
    Row("via-received-param-with-delim", "4.5", None),
    Row("via-received-param-no-delim", "4.5", None),
    Row("ipv6-in-sdp", "4.6", None, 400),  # more is announced than there is
    Row("mult-ip-in-header", "4.7", None),
    Row("mult-ip-in-sdp", "4.8", None),  # what is beyond is not of the message
    Row("ipv4-mapped-ipv6", "4.9", None),
    Row("ipv6-bug-abnf-3-colons", "4.10", 400, 400),
    Row("ipv6-correct-abnf-2-colons", "4.10", None),
]
SOUND = [row.file for row in TABLE if row.status is None]


def octets(file: str) -> bytes:
    return (MESSAGES / f"{file}.dat").read_bytes()


def measured(data: bytes) -> bytes:
    """The message with the Content-Length that its body has."""
    head, gap, body = data.partition(b"\r\n\r\n")
    return re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) + gap + body


def request_of(file: str) -> Request:
    message = parse_message(measured(octets(file)))
    assert isinstance(message, Request)
    return message


def judge(data: bytes) -> int | None:
    """The status a message is answered with by this room; None when it is sound."""
    try:
        message = parse_message(data)
        assert isinstance(message, Request)
        check_request(message)
    except (ParseError, Refusal) as error:
        return error.status
    return None


def test_the_table_is_complete() -> None:
    assert len(TABLE) == 12
    assert sorted(row.file for row in TABLE) == sorted(path.stem for path in MESSAGES.glob("*.dat"))
    assert sorted({row.section for row in TABLE}) == sorted(f"4.{number}" for number in range(1, 11))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.section}-{row.file}")
def test_what_is_refused(row: Row) -> None:
    assert judge(octets(row.file)) == row.printed
    assert judge(measured(octets(row.file))) == row.status


@pytest.mark.parametrize("file", SOUND)
def test_sound_messages_come_out_as_they_went_in(file: str) -> None:
    data = measured(octets(file))
    assert parse_message(data).to_bytes() == data
    assert StreamFramer().feed(data) == [data]


@pytest.mark.parametrize(
    ("file", "host", "port"),
    [
        ("ipv6-good", "[2001:db8::10]", None),
        ("port-ambiguous", "[2001:db8::10:5070]", None),
        ("port-unambiguous", "[2001:db8::10]", 5070),
        ("ipv6-in-sdp", "[2001:db8::10]", None),
        ("mult-ip-in-header", "host.example.net", None),
        ("ipv6-correct-abnf-2-colons", "[2001:db8::192.0.2.1]", None),
    ],
)
def test_the_request_uri(file: str, host: str, port: int | None) -> None:
    uri = SipUri.parse(request_of(file).uri)
    assert (uri.host, uri.port) == (host, port)


@pytest.mark.parametrize(
    ("file", "received"),
    [("via-received-param-with-delim", "[2001:db8::9:255]"), ("via-received-param-no-delim", "2001:db8::9:255")],
)
def test_received_with_and_without_brackets(file: str, received: str) -> None:
    via = request_of(file).top_via
    assert (via.host, via.port, via.received) == ("[2001:db8::9:1]", None, received)
    assert via.branch in ("z9hG4bKas3-111", "z9hG4bKas3")


def test_addresses_of_both_families_in_one_message() -> None:
    vias = [Via.parse(value) for value in request_of("mult-ip-in-header").vias]
    assert [(via.transport, via.host, via.port, via.received) for via in vias] == [
        ("UDP", "[2001:db8::9:1]", 6050, None),
        ("UDP", "192.0.2.1", None, None),
        ("TCP", "[2001:db8::9:255]", None, "192.0.2.200"),
    ]


def test_an_ipv4_address_in_an_ipv6_one() -> None:
    request = request_of("ipv4-mapped-ipv6")
    assert [(via.host, via.port) for via in map(Via.parse, request.vias)] == [
        ("[::ffff:192.0.2.10]", 19823),
        ("[::ffff:192.0.2.2]", None),
    ]
    contact = SipUri.parse(Address.parse(request.values("Contact")[0]).uri)
    address = ip_address(contact.host.strip("[]"))
    assert isinstance(address, IPv6Address)
    assert str(address.ipv4_mapped) == "192.0.2.2"
    assert b"c=IN IP6 ::ffff:192.0.2.2\r\n" in request.body
