import pytest

from strowger.sip.message.check import check_request, check_response
from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.message.limits import MAX_ADDRESSES, MAX_URI_BYTES, MAX_VIA, MessageLimits
from strowger.sip.message.message import Request, Response

VIA = "Via: SIP/2.0/UDP h;branch=z9hG4bK1"
LINES = (VIA, "From: <sip:a@b>;tag=1", "To: <sip:c@d>", "Call-ID: x", "CSeq: 1 INVITE")


def request(*more: str, uri: str = "sip:a@b", without: str = "") -> Request:
    return Request("INVITE", uri, [line for line in LINES if not without or not line.startswith(without)] + list(more))


def refusal(message: Request) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        check_request(message)
    return caught.value.status, caught.value.reason


def test_the_least_a_request_can_be() -> None:
    check_request(request())


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Via"])
def test_required_headers(name: str) -> None:
    status, reason = refusal(request(without=name))
    assert status == 400
    assert reason.endswith(f"{name} is missing")


@pytest.mark.parametrize(
    "line", ["f: <sip:a>", "t: <sip:a>", "I: y", "cseq : 1 INVITE", "Max-Forwards: 1", "c: a/b", "Expires: 1"]
)
def test_single_headers_given_twice(line: str) -> None:
    name = line.partition(":")[0].strip()
    message = request(line, line) if name in ("Max-Forwards", "c", "Expires") else request(line)
    status, reason = refusal(message)
    assert status == 400
    assert reason.endswith("is given twice")


@pytest.mark.parametrize(
    ("without", "line", "reason"),
    [
        ("From", "From: a, b <sip:a@b>", "From: A display name holds separators outside quotes"),
        ("From", "From: <sip:a@b>;tag", "From: The tag has no value"),
        ("To", 'To: "open <sip:a@b>', "To: A quoted display name is not closed or no address follows it"),
        ("To", "To: <sip:a@b:x>", "To: The port is not a number from 1 to 65535"),
        ("To", "To: <sips:@b>", "To: The user part of the URI is malformed"),
        ("To", "To: <tel:bob>", "To: The tel URI holds no telephone number"),
        ("Call-ID", "Call-ID: a b", "Call-ID holds white space or control characters"),
        ("CSeq", "CSeq: 2147483648 INVITE", "CSeq is not a number below 2**31 and a method"),
        ("CSeq", "CSeq: 1 OPTIONS", "The method in CSeq is not that of the request"),
        ("CSeq", "CSeq: 1 invite", "The method in CSeq is not that of the request"),
        ("-", "Max-Forwards: 256", "Max-Forwards is not a number from 0 to 255"),
        ("Via", "Via: SIP/2.0/UDP h;;", "Via: A parameter has no proper name"),
        ("-", "Via: SIP/2.0/UDP h, ", "Via: Via does not begin with SIP, a version and a transport"),
        ("-", "Contact: <sip:a@b>;;;;", "Contact: A parameter has no proper name"),
        ("-", "m: sip:a@b?x=y", "Contact: A URI with a comma or question mark must be in angle brackets"),
        ("-", "Route: sip", "Route: The URI has no scheme"),
        ("-", "Record-Route: <sip:a@b", "Record-Route: An address has no closing bracket"),
        ("-", "Route: *", "Route: The URI has no scheme"),
    ],
)
def test_malformed_headers(without: str, line: str, reason: str) -> None:
    assert refusal(request(line, without=without)) == (400, reason)


@pytest.mark.parametrize(
    "lines",
    [
        ("Max-Forwards: 0",),
        ("Max-Forwards: 255",),
        ("Contact: *",),
        ("Contact: <sip:a@b?Route=%3Csip:c%3E>, sip:d", "m: <name:John_Smith>"),
        ("Route: <sip:a;lr>", "Record-Route:"),
        ("Require: unknown",),
    ],
)
def test_what_others_decide(lines: tuple[str, ...]) -> None:
    check_request(request(*lines))


def test_any_scheme_in_from_and_to() -> None:
    check_request(request("From: <http://www.example.com>;tag=1", without="From"))
    check_request(request("To: isbn:2983792873", without="To"))
    check_request(request("To: <sipx:@@>", without="To"))


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("http://a", 416),
        ("soap.beep://192.0.2.103:3002", 416),
        ("<sip:a@b>", 400),
        ("sip:a@b?Route=x", 400),
        ("sip:a@b:0", 400),
        ("bob", 400),
        ("tel:x", 400),
    ],
)
def test_request_uris(uri: str, status: int) -> None:
    got, reason = refusal(request(uri=uri))
    assert got == status
    assert reason.startswith("Request-URI: ")


@pytest.mark.parametrize("uri", ["sip:a", "sips:a@b:1;x", "tel:+31201110001"])
def test_our_request_uris(uri: str) -> None:
    check_request(request(uri=uri))


def test_vias_at_their_limit() -> None:
    most = [VIA] * (MAX_VIA // 2 - 1) + [VIA + ", SIP/2.0/UDP i"] + [VIA] * (MAX_VIA // 2 - 2)
    check_request(request(*most))
    assert refusal(request(*most, VIA)) == (513, "Via: Too many values")


@pytest.mark.parametrize("name", ["Contact", "Route", "Record-Route"])
def test_addresses_at_their_limit(name: str) -> None:
    most = [f"{name}: <sip:a,b@c>, <sip:d>"] * (MAX_ADDRESSES // 2)
    check_request(request(*most))
    assert refusal(request(*most, f"{name}: sip:a")) == (513, f"{name}: Too many values")


@pytest.mark.parametrize("name", ["From", "To", "Contact", "Route", "Record-Route"])
def test_uris_at_their_limit(name: str) -> None:
    without = name if name in ("From", "To") else ""
    longest = "sip:a@b;x=".ljust(MAX_URI_BYTES, "y")
    check_request(request(f"{name}: <{longest}>", without=without))
    assert refusal(request(f"{name}: <{longest}y>", without=without)) == (400, f"{name}: The URI is too long")


def test_limits_as_they_are_set() -> None:
    limits = MessageLimits(vias=2, addresses=2, uri_bytes=10)
    via, contact = VIA + ", SIP/2.0/UDP i", "Contact: <sip:a>, <sip:b@cdef>"
    check_request(request(via, contact, without="Via"), limits)
    for lines, status in (((via, VIA), 513), ((via, contact, "m: sip:c"), 513), ((via, "Route: <sip:b@cdefg>"), 400)):
        with pytest.raises(Refusal) as caught:
            check_request(request(*lines, without="Via"), limits)
        assert caught.value.status == status
    with pytest.raises(ParseError, match="Too many values"):
        check_response(Response(200, "SIP/2.0 200 OK", [*LINES, VIA, VIA]), limits)


def test_a_sound_response() -> None:
    check_response(Response(200, "SIP/2.0 200 OK", [*LINES, "Via: SIP/2.0/UDP i", "Contact: <sip:a>"]))


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Via"])
def test_an_incomplete_response_is_dropped(name: str) -> None:
    response = Response(200, "SIP/2.0 200 OK", [line for line in LINES if not line.startswith(name)])
    with pytest.raises(ParseError, match=f"{name} is missing") as caught:
        check_response(response)
    assert caught.value.status is None


def test_a_malformed_response_is_dropped() -> None:
    for line in ("To: <sip:a>", "Contact: <sip:a", "Max-Forwards: x"):
        with pytest.raises(ParseError) as caught:
            check_response(Response(200, "SIP/2.0 200 OK", [*LINES, line]))
        assert caught.value.status is None
