"""The 49 messages of RFC 4475, byte for byte: which layer must object to each, and with which status.

`parser` is parse_message, `check_request` and `check_response` are the checks of this room. `above` means that the
message is sound here and a room above decides (the status is what that room answers, None where it drops or merely
takes care); `nobody` means the message is to be accepted. All that reach a room above must come out byte for byte.
"""

from pathlib import Path
from typing import NamedTuple

import pytest

from strowger.sip.message import (
    Address,
    ParseError,
    Refusal,
    Request,
    Response,
    SipUri,
    StreamFramer,
    Via,
    check_request,
    check_response,
    parse_message,
    response_to,
)

MESSAGES = Path(__file__).parent / "rfc4475"


class Row(NamedTuple):
    file: str
    section: str
    layer: str
    status: int | None


TABLE = [
    Row("wsinv", "3.1.1.1", "nobody", None),
    Row("intmeth", "3.1.1.2", "above", 405),  # an unknown method
    Row("esc01", "3.1.1.3", "nobody", None),
    Row("escnull", "3.1.1.4", "nobody", None),
    Row("esc02", "3.1.1.5", "above", 405),  # RE%47IST%45R is not REGISTER
    Row("lwsdisp", "3.1.1.6", "nobody", None),
    Row("longreq", "3.1.1.7", "nobody", None),
    Row("dblreq", "3.1.1.8", "nobody", None),
    Row("semiuri", "3.1.1.9", "nobody", None),
    Row("transports", "3.1.1.10", "nobody", None),
    Row("mpart01", "3.1.1.11", "nobody", None),
    Row("unreason", "3.1.1.12", "nobody", None),
    Row("noreason", "3.1.1.13", "nobody", None),
    Row("badinv01", "3.1.2.1", "check_request", 400),
    Row("clerr", "3.1.2.2", "parser", 400),
    Row("ncl", "3.1.2.3", "parser", 400),
    Row("scalar02", "3.1.2.4", "check_request", 400),
    Row("scalarlg", "3.1.2.5", "check_response", None),
    Row("quotbal", "3.1.2.6", "check_request", 400),
    Row("ltgtruri", "3.1.2.7", "check_request", 400),
    Row("lwsruri", "3.1.2.8", "parser", 400),
    Row("lwsstart", "3.1.2.9", "parser", 400),
    Row("trws", "3.1.2.10", "parser", 400),
    Row("escruri", "3.1.2.11", "check_request", 400),
    Row("baddate", "3.1.2.12", "nobody", None),  # a proxy has no use for Date and ignores it
    Row("regbadct", "3.1.2.13", "check_request", 400),
    Row("badaspec", "3.1.2.14", "check_request", 400),
    Row("baddn", "3.1.2.15", "parser", 400),  # the file has no empty line either: see test_baddn
    Row("badvers", "3.1.2.16", "parser", 505),
    Row("mismatch01", "3.1.2.17", "check_request", 400),
    Row("mismatch02", "3.1.2.18", "check_request", 400),
    Row("bigcode", "3.1.2.19", "parser", None),
    Row("badbranch", "3.2.1", "above", None),  # matched by the rules of RFC 2543
    Row("insuf", "3.3.1", "check_request", 400),
    Row("unkscm", "3.3.2", "check_request", 416),
    Row("novelsc", "3.3.3", "check_request", 416),
    Row("unksm2", "3.3.4", "above", 400),  # the registrar wants a SIP address of record
    Row("bext01", "3.3.5", "above", 420),
    Row("invut", "3.3.6", "above", 415),
    Row("regaut01", "3.3.7", "above", 401),
    Row("multi01", "3.3.8", "check_request", 400),
    Row("mcl01", "3.3.9", "parser", 400),
    Row("bcast", "3.3.10", "above", None),  # a second Via that is not ours: dropped, never sent
    Row("zeromf", "3.3.11", "above", 483),
    Row("cparam01", "3.3.12", "nobody", None),
    Row("cparam02", "3.3.13", "nobody", None),
    Row("regescrt", "3.3.14", "above", None),  # the Route in Contact is stored and never obeyed
    Row("sdp01", "3.3.15", "above", 406),
    Row("inv2543", "3.4.1", "nobody", None),
]
SOUND = [row for row in TABLE if row.layer in ("above", "nobody")]


def octets(file: str) -> bytes:
    return (MESSAGES / f"{file}.dat").read_bytes()


def request_of(file: str) -> Request:
    message = parse_message(octets(file))
    assert isinstance(message, Request)
    return message


def judge(data: bytes) -> tuple[str, int | None]:
    """The layer of this room that objects and its status."""
    try:
        message = parse_message(data)
    except ParseError as error:
        return "parser", error.status
    try:
        if isinstance(message, Request):
            check_request(message)
        else:
            check_response(message)
    except Refusal as refusal:
        return "check_request", refusal.status
    except ParseError as error:
        return "check_response", error.status
    return "clean", None


def test_the_table_is_complete() -> None:
    assert len(TABLE) == 49
    assert sorted(row.file for row in TABLE) == sorted(path.stem for path in MESSAGES.glob("*.dat"))
    assert len({row.section for row in TABLE}) == 49


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.section}-{row.file}")
def test_the_right_layer_objects(row: Row) -> None:
    expected = ("clean", None) if row in SOUND else (row.layer, row.status)
    assert judge(octets(row.file)) == expected


@pytest.mark.parametrize("row", SOUND, ids=lambda row: f"{row.section}-{row.file}")
def test_sound_messages_come_out_as_they_went_in(row: Row) -> None:
    data = octets(row.file)
    if row.file == "dblreq":  # what follows the body of a datagram is dropped
        data = data[: data.index(b"\r\n\r\n") + 4]
    assert parse_message(octets(row.file)).to_bytes() == data


@pytest.mark.parametrize("row", [row for row in TABLE if row.status and row not in SOUND], ids=lambda row: row.file)
def test_every_refused_request_can_be_answered(row: Row) -> None:
    try:
        request = parse_message(octets(row.file))
    except ParseError as error:
        assert error.request is not None
        request = error.request
    assert isinstance(request, Request)
    answer = response_to(request, row.status or 0, to_tag="ours").to_bytes()
    assert answer.startswith(f"SIP/2.0 {row.status} ".encode())
    received = octets(row.file)
    copied = [line for name in ("Via", "From", "Call-ID", "CSeq") for line in request.lines_of(name)[:1]]
    assert all(line.encode("latin-1") in received and line.encode("latin-1") in answer for line in copied)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.section}-{row.file}")
def test_the_same_over_a_stream(row: Row) -> None:
    """Where the length of the body is certain a stream gives the same outcome; elsewhere it cannot be continued."""
    data = octets(row.file)
    framer = StreamFramer()
    if row.file in ("ncl", "mcl01", "inv2543"):
        with pytest.raises(ParseError) as caught:
            framer.feed(data)
        assert caught.value.status == 400
        return
    messages = framer.feed(data)
    if row.file in ("clerr", "baddn"):  # a stream may still bring the rest
        assert messages == []
        assert framer.pending == len(data)
        return
    assert judge(messages[0]) == judge(data)
    if row.file == "dblreq":  # on a stream the second request is one
        assert [parse_message(message).call_id[:6] for message in messages] == ["dblreq", "dblreq"]


def test_wsinv() -> None:
    request = request_of("wsinv")
    assert (request.method, request.uri) == ("INVITE", "sip:vivekg@chair-dnrc.example.com;unknownparam")
    assert (request.to.uri, request.to_tag) == ("sip:vivekg@chair-dnrc.example.com", "1918181833n")
    assert (request.from_.display, request.from_tag) == ('J Rosenberg \\"', "98asjd8")
    assert (request.max_forwards, request.cseq, request.content_length) == (68, (9, "INVITE"), 150)
    assert request.first("Subject") == ""
    assert request.first("NewFangledHeader") == "newfangled value continued newfangled value"
    vias = [Via.parse(value) for value in request.vias]
    assert [(via.transport, via.host, via.branch) for via in vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    contact = Address.parse(request.values("Contact")[0])
    assert (contact.display, contact.uri) == ('Quoted string ""', "sip:jdrosen@example.com")
    assert contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}


def test_intmeth() -> None:
    request = request_of("intmeth")
    assert request.method == request.cseq.method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = SipUri.parse(request.uri)
    assert (uri.user, uri.host) == ("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", "example.com")
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert request.top_via.branch == "z9hG4bK-.!%66*_+`'~"
    assert request.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert request.from_tag == "_token~1'+`*%!-."
    assert request.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"


def test_esc01_and_escnull() -> None:
    request = request_of("esc01")
    assert SipUri.parse(request.uri).user_unescaped == "sips:user@example.com"
    assert SipUri.parse(request.to.uri).user_unescaped == "user"
    assert Address.parse(request.values("Contact")[0]).uri.endswith(";%6C%72;n%61me=v%61lue%25%34%31")
    assert SipUri.parse(request_of("escnull").to.uri).user_unescaped == "null-\x00-null"


def test_esc02() -> None:
    request = request_of("esc02")
    assert request.method == "RE%47IST%45R"
    assert request.from_.display == "%Z%45"
    assert len(request.all("Contact")) == 2


def test_longreq_and_transports() -> None:
    assert len(request_of("longreq").vias) == 34
    assert len({Via.parse(value).host for value in request_of("longreq").vias}) == 34
    assert [Via.parse(value).transport for value in request_of("transports").vias] == [
        "UDP",
        "SCTP",
        "TLS",
        "UNKNOWN",
        "TCP",
    ]


def test_dblreq_does_not_execute_the_second() -> None:
    assert request_of("dblreq").body == b""


def test_semiuri_and_the_contacts() -> None:
    assert SipUri.parse(request_of("semiuri").uri).user_unescaped == "user;par=u@example.net"
    assert request_of("semiuri").values("Accept")[-1] == "message/sipfrag"
    assert Address.parse(request_of("cparam01").values("Contact")[0]).params == {"unknownparam": None}
    assert Address.parse(request_of("cparam02").values("Contact")[0]).params == {}
    assert SipUri.parse(Address.parse(request_of("regescrt").values("Contact")[0]).uri).headers is not None


def test_the_reasons() -> None:
    for file, status, length in (("unreason", 200, 47), ("noreason", 100, 0)):
        response = parse_message(octets(file))
        assert isinstance(response, Response)
        assert response.status == status
        assert len(response.reason.encode("latin-1").decode()) == length


def test_baddn() -> None:
    """With the empty line it lacks in the archive, the comma outside quotes is what remains wrong."""
    assert judge(octets("baddn") + b"\r\n") == ("check_request", 400)
    message = parse_message(octets("baddn") + b"\r\n")
    with pytest.raises(ParseError, match="display name"):
        _ = message.from_


def test_inv2543() -> None:
    request = request_of("inv2543")
    assert (request.top_via.branch, request.max_forwards, request.from_tag) == (None, None, None)
    assert len(request.body) == 105
