from dataclasses import replace
from typing import Any

import pytest

from strowger.sip.message.build import response_to
from strowger.sip.message.errors import BuildError, ParseError
from strowger.sip.message.headers import Message
from strowger.sip.message.limits import MessageLimits
from strowger.sip.message.message import (
    MAX_HEADER_LINE_BYTES,
    MAX_HEADER_LINES,
    MAX_MESSAGE_BYTES,
    MAX_URI_BYTES,
    Request,
    Response,
    parse_message,
)

VIA = b"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"


def request_of(data: bytes, **options: Any) -> Request:
    message = parse_message(data, **options)
    assert isinstance(message, Request)
    return message


def response_of(data: bytes) -> Response:
    message = parse_message(data)
    assert isinstance(message, Response)
    return message


def refused(data: bytes, **options: Any) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse_message(data, **options)
    return caught.value


def test_a_request() -> None:
    data = b"OPTIONS sip:\xe9@b SIP/2.0\r\n" + VIA + b"l: 3\r\n\r\nabc"
    request = request_of(data)
    assert (request.method, request.uri, request.body) == ("OPTIONS", "sip:\xe9@b", b"abc")
    assert request.to_bytes() == data
    assert repr(request) == "<Request 'OPTIONS sip:é@b SIP/2.0'>"


@pytest.mark.parametrize(
    ("start", "status", "reason"),
    [
        (b"SIP/2.0 200 OK", 200, "OK"),
        (b"sip/2.0 100 ", 100, ""),
        (b"SIP/2.0 699", 699, ""),
        (b"SIP/2.0 200 = 2**3 \xd0\xbd", 200, "= 2**3 \xd0\xbd"),
        (b"SIP/2.0 486  Busy", 486, " Busy"),
    ],
)
def test_a_response(start: bytes, status: int, reason: str) -> None:
    response = response_of(start + b"\r\n" + VIA + b"\r\n")
    assert (response.status, response.reason) == (status, reason)
    assert response.to_bytes() == start + b"\r\n" + VIA + b"\r\n"
    assert repr(response) == f"<Response {start.decode('latin-1')!r}>"


@pytest.mark.parametrize(
    "start",
    [
        b"SIP/2.0",
        b"SIP/2.0 ",
        b"SIP/2.0 20",
        b"SIP/2.0 2000 OK",
        b"SIP/2.0 4294967301 OK",
        b"SIP/2.0 099 x",
        b"SIP/2.0 700 x",
        b"SIP/2.0 2\xb20 x",
        b"SIP/2.0  200 x",
        b"SIP/7.0 200 OK",
        b"SIP/2.0X200 OK",
    ],
)
def test_malformed_status_lines_are_dropped(start: bytes) -> None:
    error = refused(start + b"\r\n" + VIA + b"\r\n")
    assert (error.status, error.request) == (None, None)


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"INVITE  sip:a SIP/2.0", 400),
        (b"INVITE sip:a  SIP/2.0", 400),
        (b"INVITE sip:a SIP/2.0 ", 400),
        (b"INVITE sip:a; lr SIP/2.0", 400),
        (b"INVITE sip:\x01 SIP/2.0", 400),
        (b"INVITE\tsip:a\tSIP/2.0", 400),
        (b"INVITE SIP/2.0", 400),
        (b"INVITE sip:a SIP/7.0", 505),
        (b"INVITE sip:a SIP/2.00", 505),
        (b"INVITE sip:a SIP/", 505),
        (b"INVITE sip:" + b"a" * (MAX_URI_BYTES - 3) + b" SIP/2.0", 414),
        (b"ACK  sip:a SIP/2.0", None),
        (b"INV(TE sip:a SIP/2.0", None),
        (b"GET / HTTP/1.1", None),
        (b"INVITE", None),
        (b"", None),
        (b"SIP/2.0", None),
        (b" INVITE sip:a SIP/2.0", 400),
    ],
)
def test_malformed_request_lines(start: bytes, status: int | None) -> None:
    error = refused(start + b"\r\n" + VIA + b"\r\n")
    assert error.status == status
    assert (error.request is None) == (status is None)


def test_the_longest_request_uri() -> None:
    uri = "sip:" + "a" * (MAX_URI_BYTES - 4)
    assert request_of(f"INVITE {uri} SIP/2.0\r\n\r\n".encode()).uri == uri


def test_the_version_is_written_as_it_was_read() -> None:
    data = b"OPTIONS sip:a sip/2.0\r\n\r\n"
    assert request_of(data).to_bytes() == data


@pytest.mark.parametrize("datagram", [True, False])
def test_leading_line_breaks_are_skipped(datagram: bool) -> None:
    assert request_of(b"\r\n\r\nA sip:a SIP/2.0\r\nl:1\r\n\r\nx", datagram=datagram).body == b"x"


def test_bodies_of_datagrams() -> None:
    head = b"A sip:a SIP/2.0\r\n" + VIA
    assert request_of(head + b"\r\nabc").body == b"abc"
    assert request_of(head + b"l:2\r\n\r\nabc").body == b"ab"
    assert request_of(head + b"l:2\r\n\r\nabc").to_bytes() == head + b"l:2\r\n\r\nab"
    assert refused(head + b"l:4\r\n\r\nabc").status == 400


@pytest.mark.parametrize("length", [b"", b"l:2\r\n", b"l:4\r\n"])
def test_bodies_elsewhere_must_be_exact(length: bytes) -> None:
    head = b"A sip:a SIP/2.0\r\n" + VIA
    assert request_of(head + b"l:3\r\n\r\nabc", datagram=False).body == b"abc"
    assert refused(head + length + b"\r\nabc", datagram=False).status == 400


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\x00\x00\x00\x00", b"\xff" * 100, b"jaK\r\n\r\n", b"\r\n"])
def test_noise_is_met_by_silence(data: bytes) -> None:
    assert refused(data).status is None


def test_a_head_without_its_end() -> None:
    error = refused(b"OPTIONS sip:a SIP/2.0\r\n" + VIA + b"l: 0\r\n")
    assert (error.status, error.reason) == (400, "The header lines do not end with an empty line")


def test_no_answer_without_a_via() -> None:
    assert refused(b"OPTIONS  sip:a SIP/2.0\r\nFrom: x\r\n\r\n").status is None
    assert refused(b"OPTIONS  sip:a SIP/2.0\r\n folded: x\r\n\r\n").status is None
    assert refused(b"OPTIONS  sip:a SIP/2.0").status is None


def test_a_refused_request_can_be_answered() -> None:
    error = refused(
        b"INVITE sip:a SIP/2.0\r\nv:\r\n SIP/2.0/UDP h\r\nf: <sip:a>;tag=1\r\nX: y\nVia: forged\r\nno colon\r\n"
        b"t: <sip:b>\r\nCSeq: 1 INVITE\r\nCall-ID: 1\r\n\r\n"
    )
    assert error.request is not None
    assert error.status == 400
    assert error.request.method == "INVITE"
    assert response_to(error.request, error.status, to_tag="x").to_bytes() == (
        b"SIP/2.0 400 Bad Request\r\nv:\r\n SIP/2.0/UDP h\r\nf: <sip:a>;tag=1\r\nt: <sip:b>;tag=x\r\nCall-ID: 1\r\n"
        b"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )


def test_an_answer_is_bounded() -> None:
    error = refused(b"INVITE sip:a SIP/2.0\r\n" + VIA * (MAX_HEADER_LINES + 1) + b"\r\n")
    assert error.status == 513
    assert error.request is not None
    assert len(error.request.lines) == 72
    error = refused(b"INVITE sip:a SIP/2.0\r\n" + VIA + b"To: <sip:a>;x=" + b"x" * MAX_HEADER_LINE_BYTES + b"\r\n\r\n")
    assert error.status == 513
    assert error.request is not None
    assert not error.request.has("To")


def test_the_largest_message() -> None:
    head = b"OPTIONS sip:a SIP/2.0\r\n" + VIA + b"\r\n"
    largest = head + b"x" * (MAX_MESSAGE_BYTES - len(head))
    assert request_of(largest).to_bytes() == largest
    assert refused(largest + b"x").status == 513


def test_limits_as_they_are_set() -> None:
    data = b"OPTIONS sip:abc SIP/2.0\r\n" + VIA + b"X: ".ljust(50, b"x") + b"\r\n\r\n"
    limits = MessageLimits(message_bytes=len(data), header_lines=2, header_line_bytes=50, uri_bytes=7)
    assert request_of(data, limits=limits).to_bytes() == data
    for less, status in (
        ({"message_bytes": len(data) - 1}, 513),
        ({"header_lines": 1}, 513),
        ({"header_line_bytes": 49}, 513),
        ({"uri_bytes": 6}, 414),
    ):
        assert refused(data, limits=replace(limits, **less)).status == status


def test_an_answer_is_bounded_as_it_is_set() -> None:
    error = refused(b"INVITE sip:a SIP/2.0\r\n" + VIA * 20 + b"\r\n", limits=MessageLimits(header_lines=19, vias=3))
    assert error.request is not None
    assert len(error.request.lines) == 11


def test_make_a_request() -> None:
    request = Request.make("INFO", "sip:a@b", [("Via", "SIP/2.0/UDP h"), ("content-length", "7")], b"abc")
    assert request.to_bytes() == b"INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nContent-Length: 3\r\n\r\nabc"
    assert request.content_length == 3


def test_make_a_response() -> None:
    response = Response.make(180, "Ringing", [])
    assert response.to_bytes() == b"SIP/2.0 180 Ringing\r\nContent-Length: 0\r\n\r\n"
    assert Response.make(200, "", []).reason == ""
    assert (Response.make(100, "", []).status, Response.make(699, "", []).status) == (100, 699)


@pytest.mark.parametrize("status", [99, 700, 0, -1])
def test_no_response_with_another_status(status: int) -> None:
    with pytest.raises(BuildError):
        Response.make(status, "x", [])


def test_no_start_line_can_break_the_message() -> None:
    for method in ("", "A B", "A\r\n"):
        with pytest.raises(BuildError):
            Request.make(method, "sip:a", [])
    for uri in ("", "sip:a b", "sip:a\r\nX: y", "sip:\x00", "sip:€"):
        with pytest.raises(BuildError):
            Request.make("A", uri, [])
        with pytest.raises(BuildError):
            Request.make("A", "sip:a", []).uri = uri
    with pytest.raises(BuildError):
        Response.make(200, "OK\r\nX: y", [])


def test_the_request_uri_may_be_set() -> None:
    request = request_of(b"INVITE sip:a SIP/2.0\r\n\r\n")
    request.uri = "sip:b"
    assert request.to_bytes() == b"INVITE sip:b SIP/2.0\r\n\r\n"


def test_methods_and_statuses_may_not() -> None:
    with pytest.raises(AttributeError):
        Response.make(200, "OK", []).status = 300  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Request.make("A", "sip:a", []).method = "B"  # type: ignore[misc]


def test_a_message_without_a_start_line_is_none() -> None:
    with pytest.raises(NotImplementedError):
        Message([]).to_bytes()
