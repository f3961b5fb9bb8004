import pytest

from strowger.sip.message.errors import BuildError, ParseError
from strowger.sip.message.via import Via, stamp


def test_a_usual_via() -> None:
    raw = "SIP/2.0/UDP Host.Example.com:5070;branch=z9hG4bK-.!%66*;rport;received=192.0.2.9;alias"
    via = Via.parse(raw)
    assert (via.transport, via.host, via.port) == ("UDP", "host.example.com", 5070)
    assert (via.branch, via.rport, via.received) == ("z9hG4bK-.!%66*", "", "192.0.2.9")
    assert via.params == {"branch": "z9hG4bK-.!%66*", "rport": None, "received": "192.0.2.9", "alias": None}
    assert via.sent_by == "host.example.com:5070"
    assert via.raw == raw


def test_a_via_of_another_version() -> None:
    via = Via.parse("SIP/7.0/UDP c.example.com:5070;branch=z9hG4bKkdjuw")
    assert (via.transport, via.sent_by, via.branch) == ("UDP", "c.example.com:5070", "z9hG4bKkdjuw")


def test_an_rfc_2543_via() -> None:
    via = Via.parse("SIP/2.0/tcp iftgw")
    assert (via.transport, via.sent_by, via.port, via.branch, via.rport, via.received, via.params) == (
        "TCP",
        "iftgw",
        None,
        None,
        None,
        None,
        {},
    )


@pytest.mark.parametrize(
    ("raw", "transport", "sent_by", "branch"),
    [
        (
            "SIP  / 2.0  / TCP     spindle.example.com   ; branch  =   z9hG4bK9ikj8",
            "TCP",
            "spindle.example.com",
            "z9hG4bK9ikj8",
        ),
        ("sip/2.0/UNKNOWN\tt4.example.com : 5060 ;branch=1", "UNKNOWN", "t4.example.com:5060", "1"),
        ("SIP/2.0/WSS [2001:DB8::1]:443;branch=x", "WSS", "[2001:db8::1]:443", "x"),
        ("SIP/2.0/udp  a", "UDP", "a", None),
    ],
)
def test_white_space_and_odd_transports(raw: str, transport: str, sent_by: str, branch: str | None) -> None:
    via = Via.parse(raw)
    assert (via.transport, via.sent_by, via.branch) == (transport, sent_by, branch)
    assert via.raw == raw


def test_rport_with_a_value() -> None:
    assert Via.parse("SIP/2.0/UDP a;rport=5060").rport == "5060"


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0 UDP a",
        "SIP/ /UDP a",
        "HTTP/2.0/UDP a",
        "SIP/2.0/U(P a",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP a:0",
        "SIP/2.0/UDP a,b",
        "SIP/2.0/UDP 192.0.2.15;;,;,,",
        "SIP/2.0/UDP a;branch=1;branch=2",
        "SIP/2.0/UDP a;rport=x",
        "SIP/2.0/UDP a;rport=65536",
        "SIP/2.0/UDP a;rport=",
        'SIP/2.0/UDP a;x="',
        'SIP/2.0/UDP a;x="\x00"',
        "SIP/2.0/UDP 2001:db8::1",
    ],
)
def test_malformed(raw: str) -> None:
    with pytest.raises(ParseError) as caught:
        Via.parse(raw)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("raw", "received", "rport", "stamped"),
    [
        ("SIP/2.0/UDP a;branch=1", "192.0.2.1", None, "SIP/2.0/UDP a;branch=1;received=192.0.2.1"),
        (
            "SIP/2.0/UDP a;rport;branch=1",
            "192.0.2.1",
            5070,
            "SIP/2.0/UDP a;rport=5070;branch=1;received=192.0.2.1",
        ),
        ("SIP/2.0/UDP a", None, 5070, "SIP/2.0/UDP a;rport=5070"),
        ("SIP/2.0/UDP a ; X=%41 ;Branch=1", None, None, "SIP/2.0/UDP a ; X=%41 ;Branch=1"),
        ("SIP/2.0/UDP a;Received=forged;b", "2001:db8::1", None, "SIP/2.0/UDP a;received=2001:db8::1;b"),
        ('SIP/2.0/UDP a;x=";received=no;";rport', "b", 1, 'SIP/2.0/UDP a;x=";received=no;";rport=1;received=b'),
    ],
)
def test_stamp(raw: str, received: str | None, rport: int | None, stamped: str) -> None:
    assert stamp(raw, received, rport) == stamped
    assert Via.parse(stamped).branch == Via.parse(raw).branch


@pytest.mark.parametrize("received", ["", "a\r\nX: y", "a;b", "a b", 'a"', "a,b"])
def test_stamp_refuses_what_is_no_address(received: str) -> None:
    with pytest.raises(BuildError):
        stamp("SIP/2.0/UDP a", received, None)
