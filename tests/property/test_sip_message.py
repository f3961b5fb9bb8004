"""What holds for every SIP message: it comes out as it went in, fails only as declared, and no value adds a header."""

import contextlib
import re
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strowger.sip.message import (
    Address,
    BuildError,
    MessageLimits,
    ParseError,
    Refusal,
    Request,
    Response,
    SipError,
    StreamFramer,
    Via,
    check_request,
    check_response,
    parse_message,
    parse_uri,
    response_to,
    stamp,
)
from strowger.sip.message.grammar import TOKEN, mask, split_list
from strowger.sip.message.names import canonical

TORTURE = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "conformance/sip/rfc4475").glob("*.dat"))]

LATIN_1 = "".join(map(chr, range(256)))
ANY = LATIN_1 + "€\u0131\u2028\ud800😀"

names = st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: canonical(name) != "content-length")
values = st.text([character for character in LATIN_1 if character not in "\r\n\0"], max_size=30)
blanks = st.sampled_from(["", " ", "\t", "\r\n ", " \r\n\t "])
pieces = st.sampled_from(
    [
        b"\r\n",
        b" ",
        b":",
        b";",
        b",",
        b'"',
        b"<",
        b">",
        b"\\",
        b"Via: ",
        b"l:1",
        b"SIP/2.0",
        b"\x00",
        b"\xff",
        b"sip:a@b",
    ]
)


@st.composite
def header_lines(draw: st.DrawFn) -> str:
    return draw(names) + draw(st.sampled_from(["", " ", "\t"])) + ":" + draw(blanks) + draw(values)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(TORTURE))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 8)))
        data = data[:start] + draw(pieces | st.binary(max_size=4)) + data[end:]
    return data


@given(st.lists(header_lines(), max_size=8), st.binary(max_size=40))
@settings(max_examples=200)
def test_parse_and_serialise_are_inverse(lines: list[str], body: bytes) -> None:
    data = "\r\n".join(["OPTIONS sip:a@b SIP/2.0", *lines, "", ""]).encode("latin-1") + body
    message = parse_message(data)
    assert message.to_bytes() == data
    assert message.lines == lines
    assert message.body == body
    again = parse_message(message.to_bytes())
    assert (again.lines, again.body) == (message.lines, message.body)


@given(mutations() | st.binary(max_size=200))
@settings(max_examples=400)
def test_only_declared_errors(data: bytes) -> None:
    try:
        message = parse_message(data)
    except ParseError as error:
        assert (error.status is None) == (error.request is None)
        if error.request is not None and error.status is not None:
            response_to(error.request, error.status, to_tag="x")
        return
    assert parse_message(message.to_bytes()).to_bytes() == message.to_bytes()
    if isinstance(message, Request):
        try:
            check_request(message)
        except Refusal as refusal:
            assert refusal.status in (400, 416, 513)
            response_to(message, refusal.status, refusal.reason, to_tag="x")
        else:
            stamped = message.copy()
            stamped.replace_value("Via", stamp(message.top_via.raw, "192.0.2.1", 5060))
            assert stamped.top_via.received == "192.0.2.1"
            assert stamped.vias[1:] == message.vias[1:]
    else:
        try:
            check_response(message)
        except ParseError as error:
            assert error.status is None


@given(st.text(LATIN_1, max_size=60))
@settings(max_examples=300)
def test_values_fail_only_as_declared(text: str) -> None:
    for parse in (Via.parse, Address.parse, parse_uri):
        try:
            parse(text)
        except ParseError as error:
            assert error.status in (400, 416)


@given(
    st.text(ANY, max_size=20), st.text(ANY, max_size=20), st.sampled_from(["set", "append", "prepend", "replace_value"])
)
@settings(max_examples=300)
def test_no_written_value_can_add_a_header(name: str, value: str, change: str) -> None:
    request = Request.make("OPTIONS", "sip:a", [("Via", "SIP/2.0/UDP h"), ("From", "<sip:a>")])
    with contextlib.suppress(BuildError):
        getattr(request, change)(name, value)
    again = parse_message(request.to_bytes())
    assert again.lines == request.lines
    assert 3 <= len(again.lines) <= 4
    assert again.body == b""


@given(st.text(ANY, max_size=20), st.integers(100, 699), st.text(ANY, max_size=8))
@settings(max_examples=200)
def test_no_response_can_be_broken(reason: str, status: int, tag: str) -> None:
    request = Request.make("OPTIONS", "sip:a", [("Via", "SIP/2.0/UDP h"), ("From", "<sip:a>"), ("To", "<sip:b>")])
    try:
        data = response_to(request, status, reason, to_tag=tag).to_bytes()
    except BuildError:
        return
    response = parse_message(data)
    assert isinstance(response, Response)
    assert (response.status, response.reason, response.to_tag, len(response.lines)) == (status, reason, tag, 4)


@given(st.text('",<>\\ab ', max_size=40))
@settings(max_examples=300)
def test_splitting_loses_nothing(text: str) -> None:
    assert len(mask(text)) == len(text)
    text = text.strip(" ")
    pieces = split_list(text)
    assert re.sub(" *, *", ",", ",".join(pieces)) == re.sub(" *, *", ",", text)


@given(st.lists(st.sampled_from([b"", b"abc", b"\r\n\r\n", b"x" * 90]), max_size=5), st.data())
@settings(max_examples=200)
def test_a_stream_may_be_cut_anywhere(bodies: list[bytes], data: st.DataObject) -> None:
    head = b"INFO sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nl: %d\r\n\r\n"
    messages = [head % len(body) + body for body in bodies]
    stream = b"\r\n\r\n".join(messages)
    framer = StreamFramer()
    received = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        received += framer.feed(stream[:cut])
        stream = stream[cut:]
    assert received == messages
    assert framer.pings == max(0, len(messages) - 1)
    assert framer.pending == 0


@given(mutations(), st.integers(1, 40))
@settings(max_examples=200)
def test_a_framer_fails_only_as_declared(data: bytes, step: int) -> None:
    framer = StreamFramer(MessageLimits(message_bytes=3_000))
    try:
        for start in range(0, len(data), step):
            for message in framer.feed(data[start : start + step]):
                parse_message(message, datagram=False)
            assert framer.pending <= 3_000 + step
    except SipError as error:
        assert isinstance(error, ParseError)


@pytest.mark.parametrize(
    "unit", ["<a:b>,", '""', '"\\"",', '"', "<", ",", ";a", "\\", " ", "%00", "\xff", "\r\n ", "a:"]
)
@pytest.mark.parametrize(
    "prefix", ["Contact: ", "v: SIP/2.0/UDP h;a=", 'From: "', "Route: <sip:a>;x=", "CSeq: ", "l: ", "X: "]
)
def test_the_work_is_linear(prefix: str, unit: str) -> None:
    """Eight lines of 8 KiB cost about eight times the calls of one, and far less time than any quadratic scan would."""
    calls, seconds = zip(*(_cost(prefix, unit, lines) for lines in (1, 8)), strict=True)
    assert calls[1] <= 12 * calls[0] + 2_000
    assert seconds[1] <= 0.25


def _cost(prefix: str, unit: str, lines: int) -> tuple[int, float]:
    line = (prefix + unit * 8_192)[:8_190].rstrip("\r\n ") + "\r\n"
    text = "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:a>\r\nCall-ID: 1\r\n" + line * lines + "\r\n"
    data = text.encode("latin-1")
    started = time.process_time()
    _judge(data)
    seconds = time.process_time() - started
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        _judge(data)
    finally:
        sys.setprofile(None)
    return calls, seconds


def _judge(data: bytes) -> None:
    with contextlib.suppress(SipError):
        message = parse_message(data)
        if isinstance(message, Request):
            check_request(message)
