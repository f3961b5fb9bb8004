import pytest

from strowger.sip.message.errors import BuildError, ParseError, Refusal, SipError
from strowger.sip.message.message import parse_message


def test_the_tree() -> None:
    assert all(issubclass(kind, SipError) for kind in (ParseError, Refusal, BuildError))
    assert issubclass(BuildError, ValueError)


def test_what_an_error_carries() -> None:
    error = ParseError(400, "CSeq is missing")
    assert (error.status, error.reason, str(error), error.request) == (400, "CSeq is missing", "CSeq is missing", None)
    refusal = Refusal(420, "Bad Extension", (("Unsupported", "x"),))
    assert (refusal.status, refusal.reason, str(refusal)) == (420, "Bad Extension", "Bad Extension")
    assert refusal.headers == (("Unsupported", "x"),)
    assert Refusal(400, "no").headers == ()


def test_a_reason_never_repeats_the_peer() -> None:
    with pytest.raises(ParseError) as caught:
        parse_message(b"INVITE  sip:secret SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nsecret\r\n\r\n")
    assert "secret" not in caught.value.reason
