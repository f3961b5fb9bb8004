import pytest

from strowger.sip.message.build import REASONS, ack_2xx, ack_for, bye_for, cancel_for, response_to
from strowger.sip.message.errors import BuildError, ParseError
from strowger.sip.message.message import Request, Response, parse_message

INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"v: SIP/2.0/UDP first:5060;branch=z9hG4bK1;rport=5060;received=192.0.2.9,\r\n SIP/2.0/TCP second\r\n"
    b"Via: SIP/2.0/TLS third\r\n"
    b"Route: <sip:edge;lr>, <sip:next;lr>\r\n"
    b"To : Bob <sip:bob@example.com>\r\n"
    b"f:\t<sip:a@example.com>;tag=1\r\n"
    b"Call-ID: abc\r\n"
    b"CSeq: 0012 INVITE\r\n"
    b"Timestamp: 54.21\r\n"
    b"Proxy-Authorization: Digest x\r\n"
    b"Require: 100rel\r\n"
    b"\r\n"
)


def invite(data: bytes = INVITE) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def accepted(*headers: str) -> Response:
    return Response(200, "SIP/2.0 200 OK", ["To: <sip:bob@example.com>;tag=b", *headers])


def test_a_response_copies_what_it_must() -> None:
    response = response_to(invite(), 180, to_tag="x", headers=[("Contact", "<sip:me>")])
    assert response.to_bytes() == (
        b"SIP/2.0 180 Ringing\r\n"
        b"v: SIP/2.0/UDP first:5060;branch=z9hG4bK1;rport=5060;received=192.0.2.9,\r\n SIP/2.0/TCP second\r\n"
        b"Via: SIP/2.0/TLS third\r\n"
        b"f:\t<sip:a@example.com>;tag=1\r\n"
        b"To : Bob <sip:bob@example.com>;tag=x\r\n"
        b"Call-ID: abc\r\n"
        b"CSeq: 0012 INVITE\r\n"
        b"Contact: <sip:me>\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    assert response.to_tag == "x"


def test_a_trying_copies_the_timestamp() -> None:
    response = response_to(invite(), 100)
    assert (response.first("Timestamp"), response.to_tag, response.reason) == ("54.21", None, "Trying")
    assert response_to(invite(), 180).first("Timestamp") is None


def test_a_body_brings_its_length() -> None:
    response = response_to(invite(), 200, "Fine", headers=[("Content-Type", "text/plain")], body=b"abc")
    assert response.to_bytes().endswith(b"Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc")
    assert response.reason == "Fine"


def test_a_tag_is_never_added_twice() -> None:
    for to in (b"<sip:b>;tag=there", b"sip:b;tag=there", b"<sip:b>;TAG = there"):
        request = invite(INVITE.replace(b"Bob <sip:bob@example.com>", to))
        assert response_to(request, 200, to_tag="x").to_tag == "there"


def test_a_tag_behind_folds_and_blanks() -> None:
    request = invite(INVITE.replace(b"<sip:bob@example.com>", b"<sip:bob@example.com>\r\n "))
    assert response_to(request, 200, to_tag="x").lines_of("To") == ["To : Bob <sip:bob@example.com>;tag=x"]


@pytest.mark.parametrize("line", [b'To: "Mr. J. User <sip:j>', b"To:"])
def test_malformed_requests_are_answered_too(line: bytes) -> None:
    request = invite(INVITE.replace(b"To : Bob <sip:bob@example.com>", line))
    assert response_to(request, 400, to_tag="x").lines_of("To") == [line.decode() + ";tag=x"]


def test_what_is_missing_stays_missing() -> None:
    request = invite(b"INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 INVITE\r\n\r\n")
    assert response_to(request, 400, to_tag="x").to_bytes() == (
        b"SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )


def test_of_twins_the_first_is_copied() -> None:
    request = invite(INVITE.replace(b"Call-ID: abc\r\n", b"Call-ID: abc\r\nCall-ID: def\r\n"))
    assert response_to(request, 400).all("Call-ID") == ["abc"]


@pytest.mark.parametrize(
    ("status", "reason"), [(302, "Moved Temporarily"), (499, "Bad Request"), (699, "Busy Everywhere"), (299, "OK")]
)
def test_default_reasons(status: int, reason: str) -> None:
    assert response_to(invite(), status).reason == reason


def test_every_default_reason_can_be_written() -> None:
    assert all(100 <= status <= 699 and reason.isascii() and reason for status, reason in REASONS.items())


def test_no_response_can_be_broken_by_its_values() -> None:
    for arguments in ({"to_tag": "a\r\nb"}, {"to_tag": "a;b"}, {"headers": [("A", "\n")]}, {"reason": "\r"}):
        with pytest.raises(BuildError):
            response_to(invite(), 200, **arguments)


def test_an_ack_for_a_refusal() -> None:
    response = Response(486, "SIP/2.0 486 Busy Here", ["t: <sip:bob@example.com>;tag=b"])
    assert ack_for(invite(), response).to_bytes() == (
        b"ACK sip:bob@example.com SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP first:5060;branch=z9hG4bK1;rport=5060;received=192.0.2.9\r\n"
        b"Route: <sip:edge;lr>, <sip:next;lr>\r\n"
        b"f:\t<sip:a@example.com>;tag=1\r\n"
        b"t: <sip:bob@example.com>;tag=b\r\n"
        b"Call-ID: abc\r\n"
        b"CSeq: 12 ACK\r\n"
        b"Max-Forwards: 70\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_a_cancel() -> None:
    assert cancel_for(invite()).to_bytes() == (
        b"CANCEL sip:bob@example.com SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP first:5060;branch=z9hG4bK1;rport=5060;received=192.0.2.9\r\n"
        b"Route: <sip:edge;lr>, <sip:next;lr>\r\n"
        b"f:\t<sip:a@example.com>;tag=1\r\n"
        b"To : Bob <sip:bob@example.com>\r\n"
        b"Call-ID: abc\r\n"
        b"CSeq: 12 CANCEL\r\n"
        b"Max-Forwards: 70\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_requests_in_the_dialog_go_to_the_contact() -> None:
    response = accepted("Contact: Bob <sip:bob@192.0.2.4:5070;transport=tcp>;q=1")
    assert ack_2xx(invite(), response, "z9hG4bK2").to_bytes() == (
        b"ACK sip:bob@192.0.2.4:5070;transport=tcp SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP first:5060;branch=z9hG4bK2;rport\r\n"
        b"Max-Forwards: 70\r\n"
        b"CSeq: 12 ACK\r\n"
        b"f:\t<sip:a@example.com>;tag=1\r\n"
        b"To: <sip:bob@example.com>;tag=b\r\n"
        b"Call-ID: abc\r\n"
        b"Proxy-Authorization: Digest x\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    bye = bye_for(invite(), response, "z9hG4bK3")
    assert (bye.method, bye.cseq, bye.top_via.branch) == ("BYE", (13, "BYE"), "z9hG4bK3")
    assert not bye.has("Proxy-Authorization")


def test_the_route_set_is_the_record_route_reversed() -> None:
    response = accepted("Contact: <sip:bob@b>", "Record-Route: <sip:p3;lr>, <sip:p2;lr>", "Record-Route: <sip:p1;lr>")
    ack = ack_2xx(invite(), response, "z9hG4bK2")
    assert ack.uri == "sip:bob@b"
    assert ack.values("Route") == ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]


def test_a_strict_router_is_the_request_uri() -> None:
    response = accepted("Contact: <sip:bob@b>", "Record-Route: <sip:p2;lr>, <sip:p1>")
    ack = ack_2xx(invite(), response, "z9hG4bK2")
    assert (ack.uri, ack.values("Route")) == ("sip:p1", ["<sip:p2;lr>", "<sip:bob@b>"])


def test_without_contact_the_request_goes_where_the_invite_went() -> None:
    no_rport = INVITE.replace(b";rport=5060", b"")
    ack = ack_2xx(invite(no_rport), accepted(), "z9hG4bK2")
    assert (ack.uri, ack.first("Via")) == ("sip:bob@example.com", "SIP/2.0/UDP first:5060;branch=z9hG4bK2")


def test_a_malformed_2xx_or_branch() -> None:
    with pytest.raises(ParseError):
        ack_2xx(invite(), accepted("Contact: <sip:bob"), "z9hG4bK2")
    with pytest.raises(BuildError):
        bye_for(invite(), accepted(), "a b")
