import pytest

from strowger.sip.message.errors import ParseError
from strowger.sip.message.framing import StreamFramer
from strowger.sip.message.limits import MessageLimits

HEAD = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n"
EMPTY = HEAD + b"Content-Length: 0\r\n\r\n"
FULL = HEAD + b"L  :\r\n 12\r\n\r\nBYE sip:a\r\n\r"


def fault(framer: StreamFramer, data: bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        framer.feed(data)
    return caught.value


def test_one_message() -> None:
    framer = StreamFramer()
    assert framer.feed(FULL) == [FULL]
    assert (framer.pending, framer.error) == (0, None)


def test_byte_by_byte() -> None:
    framer = StreamFramer()
    stream = b"\r\n" + FULL + b"\r\n\r\n" + EMPTY + FULL
    messages = [message for index in range(len(stream)) for message in framer.feed(stream[index : index + 1])]
    assert messages == [FULL, EMPTY, FULL]
    assert framer.pings == 1


@pytest.mark.parametrize("cut", range(1, len(FULL + EMPTY)))
def test_every_cut(cut: int) -> None:
    framer = StreamFramer()
    stream = FULL + EMPTY
    assert framer.feed(stream[:cut]) + framer.feed(stream[cut:]) == [FULL, EMPTY]


def test_pending_bytes() -> None:
    framer = StreamFramer()
    assert framer.feed(EMPTY + HEAD) == [EMPTY]
    assert framer.pending == len(HEAD)
    assert framer.feed(b"l: 3\r\n\r\nab") == []
    assert framer.pending == len(HEAD) + 10
    assert framer.feed(b"c") == [HEAD + b"l: 3\r\n\r\nabc"]
    assert framer.pending == 0


def test_pings_are_counted_once() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n\r\n" * 300) == []
    assert (framer.pings, framer.pings) == (300, 0)
    framer.feed(b"\r\n")
    assert framer.pings == 0
    framer.feed(b"\r")
    assert (framer.pings, framer.pending) == (0, 1)
    framer.feed(b"\n")
    assert (framer.pings, framer.pending) == (1, 0)


@pytest.mark.parametrize("data", [b"\n", b"\n\n", b"\r\r", b"\rA", b"\r\n\rA", b"\r\n\nA"])
def test_bare_line_breaks_between_messages(data: bytes) -> None:
    assert fault(StreamFramer(), data).status is None


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"", 400),
        (b"Content-Length: -999\r\n", 400),
        (b"l: 5\r\nContent-Length: 5\r\n", 400),
        (b"X: y\nContent-Length: 0\r\n", 400),
        (b"no colon\r\nl: 0\r\n", 400),
        (b"l: 2147483648\r\n", 400),
        (b"l: 65537\r\n", 413),
        (b"l: 65536\r\n", 513),
    ],
)
def test_where_a_message_ends_must_be_certain(lines: bytes, status: int) -> None:
    error = fault(StreamFramer(), HEAD + lines + b"\r\n")
    assert error.status == status
    assert error.request is not None
    assert error.request.has("Via")


def test_another_protocol_is_not_answered() -> None:
    error = fault(StreamFramer(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (error.status, error.request) == (None, None)


def test_heads_at_their_limit() -> None:
    framer = StreamFramer(MessageLimits(message_bytes=len(EMPTY)))
    assert framer.feed(EMPTY) == [EMPTY]
    framer = StreamFramer(MessageLimits(message_bytes=len(EMPTY) - 1))
    assert fault(framer, EMPTY).status == 513
    framer = StreamFramer(MessageLimits(message_bytes=100))
    assert framer.feed(HEAD.ljust(100, b"x")) == []
    assert fault(framer, b"x").status == 513


def test_messages_at_their_limit() -> None:
    message = HEAD + b"l: 3\r\n\r\nabc"
    assert StreamFramer(MessageLimits(message_bytes=len(message))).feed(message) == [message]
    assert fault(StreamFramer(MessageLimits(message_bytes=len(message) - 1)), message).status == 513
    assert fault(StreamFramer(MessageLimits(message_bytes=200)), HEAD + b"l: 200\r\n\r\n").status == 513
    assert fault(StreamFramer(MessageLimits(message_bytes=200)), HEAD + b"l: 201\r\n\r\n").status == 413


def test_lines_at_their_limit() -> None:
    limits = MessageLimits(header_lines=3, header_line_bytes=40)
    longest = b"X: ".ljust(40, b"x")
    assert len(StreamFramer(limits).feed(HEAD + longest + b"\r\nl: 0\r\n\r\n")) == 1
    assert fault(StreamFramer(limits), HEAD + longest + b"x\r\nl: 0\r\n\r\n").status == 513
    assert fault(StreamFramer(limits), HEAD + b"X: y\r\nY: z\r\nl: 0\r\n\r\n").status == 513


def test_no_more_is_kept_than_one_message() -> None:
    framer = StreamFramer(MessageLimits(message_bytes=1_000))
    assert framer.feed(HEAD.ljust(1_000, b"x")) == []
    assert framer.pending == 1_000
    assert fault(framer, b"x").status == 513
    assert framer.pending == 0


def test_messages_in_front_of_a_fault_are_not_lost() -> None:
    framer = StreamFramer()
    assert framer.feed(FULL + EMPTY + HEAD + b"\r\n") == [FULL, EMPTY]
    assert framer.error is not None
    assert framer.error.status == 400
    assert framer.pending == 0
    for data in (b"", EMPTY):
        assert fault(framer, data) is framer.error


def test_many_messages_at_once() -> None:
    assert len(StreamFramer().feed((b"\r\n\r\n" + EMPTY) * 10_000)) == 10_000
