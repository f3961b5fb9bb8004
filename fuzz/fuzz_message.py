"""Fuzzing of strowger.sip.message: the only accepted outcomes are a parsed message, ParseError and Refusal.

    python fuzz/fuzz_message.py [atheris options] [corpus]     coverage-guided, needs the package atheris
    python fuzz/fuzz_message.py --seconds 20 [--seed 1]           mutations of the RFC 4475 messages, needs nothing

Both call `examine`. `hunt` runs either.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from hunt import Target, main  # noqa: E402

from strowger.sip.message import (  # noqa: E402
    Address,
    ParseError,
    Refusal,
    Request,
    StreamFramer,
    Via,
    check_request,
    check_response,
    parse_message,
    parse_uri,
    response_to,
    stamp,
)

CORPUS = ROOT / "tests/conformance/sip/rfc4475"
MAX_INPUT_BYTES = 65_535
WORDS = (
    *(
        b"\r\n",
        b"\r\n ",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b'"',
        b'\\"',
        b"\\",
        b"<",
        b">",
        b"@",
    ),
    *(b"?", b"=", b"%00", b"[::1]", b"\x00", b"\x7f", b"\x85", b"\xa0", b"\xb2", b"\xff", b"l: 5\r\n", b"Via: ", b"v:"),
    *(b"SIP/2.0", b"sip:a@b", b"tel:+1", b"2147483648", b"-1", b";tag=x", b";branch=z9hG4bK", b";rport", b"*", b"ACK"),
)


def examine(data: bytes) -> None:
    """Reads `data` in every way the server does; raises whatever is a find."""
    examine_values(data[:256].decode("latin-1"))
    examine_stream(data)
    try:
        message = parse_message(data)
    except ParseError as error:
        assert (error.status is None) == (error.request is None), "an answer is owed but cannot be made"
        if error.request is not None and error.status is not None:
            response_to(error.request, error.status, to_tag="x").to_bytes()
        return
    assert parse_message(message.to_bytes()).lines == message.lines, "the message does not survive being written"
    if not isinstance(message, Request):
        try:
            check_response(message)
        except ParseError as error:
            assert error.status is None, "a response is never answered"
        return
    try:
        check_request(message)
    except Refusal as refusal:
        response_to(message, refusal.status, refusal.reason, to_tag="x").to_bytes()
        return
    forwarded = message.copy()
    forwarded.replace_value("Via", stamp(message.top_via.raw, "192.0.2.1", 5060))
    forwarded.prepend("Via", "SIP/2.0/UDP ours;branch=z9hG4bK1")
    again = parse_message(forwarded.to_bytes())
    assert again.vias[2:] == message.vias[1:], "forwarding changed a Via that is not ours"
    assert len(again.lines) == len(message.lines) + 1, "forwarding changed the number of headers"


def examine_values(text: str) -> None:
    """Reads `text` as each kind of value."""
    for parse in (Via.parse, Address.parse, parse_uri):
        try:
            parse(text)
        except ParseError as error:
            assert error.status in (400, 416), "a value is refused with a strange status"


def examine_stream(data: bytes) -> None:
    """A stream gives the same messages however it is cut."""
    assert _frame(data, len(data) or 1) == _frame(data, 7 + len(data) // 9), "the cuts of a stream changed its messages"


def _frame(data: bytes, step: int) -> tuple[list[bytes], bool]:
    framer = StreamFramer()
    messages: list[bytes] = []
    try:
        for start in range(0, len(data), step):
            messages += framer.feed(data[start : start + step])
    except ParseError:
        return messages, True
    return messages, framer.error is not None


def mutate(chance: random.Random, corpus: list[bytes]) -> bytes:
    """One input: a few cuts, insertions, repetitions and splices of corpus messages."""
    data = chance.choice(corpus)
    for _ in range(chance.randint(1, 8)):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.choice((0, 0, 1, 2, 8, 40)))
        insert = chance.choice(WORDS)
        kind = chance.random()
        if kind < 0.1:
            insert *= chance.randint(2, 2_000)
        elif kind < 0.2:
            insert = bytes(chance.getrandbits(8) for _ in range(chance.randint(1, 6)))
        elif kind < 0.3:
            other = chance.choice(corpus)
            insert = other[chance.randint(0, len(other)) :]
        elif kind < 0.4:
            insert = data[end : end + chance.randint(1, 80)] * chance.randint(1, 100)
        data = (data[:start] + insert + data[end:])[:MAX_INPUT_BYTES]
    return data


if __name__ == "__main__":
    torture = [path.read_bytes() for path in sorted(CORPUS.glob("*.dat"))]
    sys.exit(main(Target("fuzz_message", examine, mutate, torture), __doc__))
