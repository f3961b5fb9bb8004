import pytest

from strowger.sip.message.address import Address
from strowger.sip.message.errors import BuildError, ParseError
from strowger.sip.message.message import CSeq, Request, parse_message

HEAD = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b'v: SIP/2.0/UDP a;branch=z9hG4bK1 ,\r\n  SIP/2.0/TCP b;x="," ,SIP/2.0/TLS c\r\n'
    b'From: "A" <sip:a@example.com>;tag=1\r\n'
    b"Via : SIP/2.0/WS d\r\n"
    b"t: <sip:b@example.com>\r\n"
    b"i:  abc@def \r\n"
    b"CSeq:\t7\r\n INVITE\r\n"
    b"Max-Forwards: 0068\r\n"
    b"Supported:\r\n"
    b"k: timer, path\r\n"
    b"X-\xc3\xa9: never\r\n"
)


def message(head: bytes = HEAD.replace(b"X-\xc3\xa9: never\r\n", b"")) -> Request:
    request = parse_message(head + b"\r\n")
    assert isinstance(request, Request)
    return request


def lines(request: Request) -> list[str]:
    return request.to_bytes().decode("latin-1").split("\r\n")[1:-2]


def with_lines(*headers: str) -> Request:
    return Request("OPTIONS", "sip:a", list(headers))


# Reading


def test_raw_values() -> None:
    request = message()
    assert request.first("call-id") == "abc@def"
    assert request.first("Via") == 'SIP/2.0/UDP a;branch=z9hG4bK1 , SIP/2.0/TCP b;x="," ,SIP/2.0/TLS c'
    assert request.all("VIA")[1:] == ["SIP/2.0/WS d"]
    assert request.values("via") == request.vias
    assert request.vias == ["SIP/2.0/UDP a;branch=z9hG4bK1", 'SIP/2.0/TCP b;x=","', "SIP/2.0/TLS c", "SIP/2.0/WS d"]
    assert request.values("Supported") == ["timer", "path"]
    assert request.all("Supported") == ["", "timer, path"]
    assert (request.has("TO"), request.has("Route"), request.count("Via"), request.count("Route")) == (
        True,
        False,
        2,
        0,
    )
    assert (request.first("Route"), request.all("Route"), request.values("Route")) == (None, [], [])
    assert request.lines_of("cseq") == ["CSeq:\t7\r\n INVITE"]
    assert request.first("no name") is None


def test_read_headers() -> None:
    request = message()
    assert request.call_id == "abc@def"
    assert request.cseq == CSeq(7, "INVITE")
    assert request.from_ == Address("A", "sip:a@example.com", {"tag": "1"})
    assert (request.from_tag, request.to_tag) == ("1", None)
    assert request.to.uri == "sip:b@example.com"
    assert (request.top_via.transport, request.top_via.branch) == ("UDP", "z9hG4bK1")
    assert request.max_forwards == 68
    assert request.content_length is None


def test_what_was_read_is_kept() -> None:
    request = message()
    assert request.from_ is request.from_
    assert request.to is request.to
    assert request.cseq is request.cseq
    assert request.top_via is request.top_via
    assert (request.from_tag, request.to_tag) == ("1", None)


@pytest.mark.parametrize("name", ["call_id", "cseq", "from_", "to", "from_tag", "to_tag", "top_via"])
@pytest.mark.parametrize("empty", [False, True])
def test_missing_headers(name: str, empty: bool) -> None:
    headers = ("Call-ID:", "CSeq: ", "From:", "To:\r\n ", "Via:") if empty else ()
    with pytest.raises(ParseError, match="is missing") as caught:
        getattr(with_lines(*headers), name)
    assert caught.value.status == 400


def test_max_forwards() -> None:
    assert with_lines().max_forwards is None
    assert with_lines("Max-Forwards: 255").max_forwards == 255
    for value in ("256", "-1", "", "x"):
        with pytest.raises(ParseError):
            _ = with_lines(f"Max-Forwards: {value}").max_forwards


def test_cseq() -> None:
    assert with_lines("CSeq: 0009\r\n  INVITE").cseq == (9, "INVITE")
    assert with_lines("CSeq: 2147483647 \t RE%47IST%45R").cseq == (2**31 - 1, "RE%47IST%45R")
    for value in ("2147483648 INVITE", "1", "INVITE", "1 a b", "-1 INVITE", "1 (", "² INVITE", "9" * 5000 + " INVITE"):
        with pytest.raises(ParseError):
            _ = with_lines(f"CSeq: {value}").cseq


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("<sip:a>", None),
        ("<sip:a>;tag=x-1", "x-1"),
        ("sip:a;tag=x", "x"),
        ("<sip:a> ; tag = x", "x"),
        ("<sip:a>;tag=x;y=1", "x"),
        ('<sip:a>;y=">;tag=no";tag=yes', "yes"),
        ('<sip:a>;tag=yes;y=">"', "yes"),
        ("<sip:a>;tag", None),
    ],
)
def test_tags(value: str, tag: str | None) -> None:
    request = with_lines("From: " + value, "To: " + value)
    assert (request.from_tag, request.to_tag) == (tag, tag)
    assert (request.from_.tag, request.to.tag) == (tag, tag)


def test_an_empty_tag_is_malformed() -> None:
    with pytest.raises(ParseError):
        _ = with_lines("To: <sip:a>;tag=").to_tag


# Changing


def test_set_replaces_the_first_and_removes_the_others() -> None:
    request = with_lines("v: 1", "X: y", "Via: 2", "VIA : 3")
    request.set("Via", "new")
    assert lines(request) == ["Via: new", "X: y"]
    request.set("x", "z")
    request.set("Fresh", "1")
    assert lines(request) == ["Via: new", "x: z", "Fresh: 1"]
    assert request.first("fresh") == "1"


def test_append_and_prepend_keep_headers_of_a_name_together() -> None:
    request = with_lines("A: 1", "Route: 1", "r: 1", "Route: 2", "B: 1")
    request.append("route", "3")
    request.prepend("Route", "0")
    request.append("C", "1")
    request.prepend("Via", "top")
    assert lines(request) == [
        "Via: top",
        "A: 1",
        "Route: 0",
        "Route: 1",
        "r: 1",
        "Route: 2",
        "route: 3",
        "B: 1",
        "C: 1",
    ]
    assert request.all("Route") == ["0", "1", "2", "3"]


def test_remove_finds_every_spelling() -> None:
    request = with_lines("X-Internal : 1", "A: 1", "x-internal: 2", "X-INTERNAL\t:\r\n 3")
    request.remove("X-Internal")
    request.remove("Absent")
    assert lines(request) == ["A: 1"]
    assert not request.has("X-Internal")


def test_remove_where_keeps_the_others_byte_for_byte() -> None:
    request = with_lines("X : 1,\r\n 2", "A: 1", "x:\t3", "X:1")
    assert request.first("X") == "1, 2"
    request.remove_where("X", lambda value: value.startswith("1"))
    request.remove_where("A", lambda value: False)
    request.remove_where("Absent", lambda value: True)
    assert lines(request) == ["A: 1", "x:\t3"]
    assert request.first("X") == "3"


def test_pop_value_keeps_the_rest_byte_for_byte() -> None:
    request = message()
    assert request.pop_value("Via") == "SIP/2.0/UDP a;branch=z9hG4bK1"
    assert request.lines[0] == 'v:\r\n  SIP/2.0/TCP b;x="," ,SIP/2.0/TLS c'
    assert request.pop_value("Via") == 'SIP/2.0/TCP b;x=","'
    assert request.lines[0] == "v:SIP/2.0/TLS c"
    assert request.pop_value("Via") == "SIP/2.0/TLS c"
    assert request.top_via.transport == "WS"
    assert request.pop_value("Via") == "SIP/2.0/WS d"
    assert request.pop_value("Via") is None
    assert not request.has("Via")


def test_pop_value_looks_into_brackets() -> None:
    request = with_lines('Route: "a,b" <sip:x,y@z>;p=",", <sip:c>')
    assert request.pop_value("Route") == '"a,b" <sip:x,y@z>;p=","'
    assert lines(request) == ["Route: <sip:c>"]


def test_replace_value_touches_nothing_else() -> None:
    request = with_lines('v :\r\n\ta;x=","  ,\r\n b ', "Via: c")
    request.replace_value("Via", "new")
    assert lines(request)[:1] == ["v :"]
    assert request.lines == ["v :\r\n\tnew  ,\r\n b ", "Via: c"]
    request.replace_value("Fresh", "1")
    assert request.lines[-1] == "Fresh: 1"


def test_replace_value_of_an_empty_line() -> None:
    request = with_lines("Supported:  ")
    request.replace_value("Supported", "path")
    assert request.values("Supported") == ["path"]


def test_changes_are_seen_by_readers() -> None:
    request = message()
    before = (request.top_via, request.from_, request.to, request.cseq)
    request.set("From", "<sip:x>;tag=2")
    request.set("To", "<sip:y>;tag=3")
    request.set("CSeq", "8 ACK")
    request.prepend("Via", "SIP/2.0/TCP first")
    assert (request.from_tag, request.to_tag, request.cseq) == ("2", "3", (8, "ACK"))
    assert request.top_via.host == "first"
    assert request.vias[1] == before[0].raw
    request.replace_value("Via", "SIP/2.0/TCP second")
    assert request.top_via.host == "second"


def test_a_copy_is_independent() -> None:
    request = message()
    original = request.to_bytes()
    assert request.from_.tag == "1"
    twin = request.copy()
    twin.uri = "sip:other"
    twin.prepend("Via", "SIP/2.0/UDP x")
    twin.remove("To")
    assert type(twin) is Request
    assert twin.from_ is request.from_
    assert request.to_bytes() == original
    assert (request.uri, request.has("To"), request.top_via.host) == ("sip:bob@example.com", True, "a")


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", "\r", "\x00", "€", "\ud800", "\u2028"])
@pytest.mark.parametrize("change", ["set", "append", "prepend", "replace_value"])
def test_no_value_can_break_the_message(change: str, value: str) -> None:
    request = message()
    before = request.to_bytes()
    for name in ("Via", "Fresh"):
        with pytest.raises(BuildError):
            getattr(request, change)(name, value)
    assert request.to_bytes() == before


@pytest.mark.parametrize("name", ["", "A B", "A:", "A ", "A\r\nB", "é"])
def test_no_name_can_break_the_message(name: str) -> None:
    with pytest.raises(BuildError):
        message().set(name, "x")


def test_latin_1_and_tabs_may_be_written() -> None:
    request = with_lines()
    request.set("Subject", "\xe9\ta\xa0")
    assert request.to_bytes() == b"OPTIONS sip:a SIP/2.0\r\nSubject: \xe9\ta\xa0\r\n\r\n"


def test_a_header_name_outside_the_grammar_is_refused_on_the_way_in() -> None:
    with pytest.raises(ParseError):
        message(HEAD)


@pytest.mark.parametrize("name", ["Content-Length", "l", "CONTENT-LENGTH"])
@pytest.mark.parametrize("change", ["set", "append", "prepend", "replace_value"])
def test_nobody_changes_the_length_of_a_body(change: str, name: str) -> None:
    request = Request.make("OPTIONS", "sip:a", [])
    before = request.to_bytes()
    with pytest.raises(BuildError):
        getattr(request, change)(name, "5")
    assert request.to_bytes() == before
