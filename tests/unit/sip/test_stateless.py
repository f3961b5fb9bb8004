"""Answers for which nothing is kept. Which requests get one is in test_edge."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow
from strowger.sip.message import ParseError, Refusal, Request, Response, parse_message
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.stateless import ALLOW, StatelessAnswers
from tests.support.sip_edge import CALLER, INVITE, Wire

STRANGER = Flow("UDP", "198.51.100.7", 5062, 0, 0)


class Desk:
    def __init__(self) -> None:
        self.wire, self.ignored = Wire(), list[str]()
        self.answers = StatelessAnswers(self.wire, Forwarding(b"f" * 32), ALLOW, self._ignore)

    def _ignore(self, reason: str, summary: str) -> None:
        self.ignored.append(reason)

    def said(self) -> list[int]:
        return [message.status for _, message in self.wire.take() if isinstance(message, Response)]


def a_request(method: str, *more: str, to: str = "bob", hops: int = 70) -> Request:
    text = INVITE.format(to=to, n=1, hops=hops).replace("INVITE", method)
    message = parse_message(text.replace("Contact", "\n".join([*more, "Contact"])).replace("\n", "\r\n").encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("method", "status"), [("OPTIONS", 200), ("BYE", 481), ("CANCEL", 481), ("SUBSCRIBE", 405), ("MESSAGE", 405)]
)
def test_what_is_answered_with_what(method: str, status: int) -> None:
    desk = Desk()
    desk.answers.answer(a_request(method), CALLER)
    ((_, answer),) = desk.wire.take()
    assert isinstance(answer, Response)
    assert answer.status == status
    assert answer.first("Allow") == (None if status == 481 else ALLOW)


def test_what_cannot_be_forwarded_or_understood_is_refused() -> None:
    desk = Desk()
    with pytest.raises(Refusal) as too_far:
        desk.answers.answer(a_request("OPTIONS", hops=0), CALLER)
    with pytest.raises(Refusal) as required:
        desk.answers.answer(a_request("OPTIONS", "Require: nothing-we-know"), CALLER)
    assert (too_far.value.status, required.value.status, desk.said()) == (483, 420, [])


def test_an_ack_is_never_answered() -> None:
    desk = Desk()
    desk.answers.refuse(a_request("ACK"), CALLER, 400, "Bad", ())
    assert (desk.said(), desk.ignored) == ([], ["Bad"])


def test_an_answer_that_would_flood_somebody_is_not_sent() -> None:
    desk = Desk()
    desk.answers.refuse(a_request("OPTIONS"), STRANGER, 400, None, [("Warning", "x" * 2_000)])
    assert (desk.said(), desk.ignored) == ([], ["the answer would be much larger than the request"])
    desk.answers.refuse(a_request("OPTIONS"), STRANGER._replace(transport="TCP"), 400, None, [("Warning", "x" * 2_000)])
    assert desk.said() == [400]


def test_what_cannot_be_written_is_not_answered() -> None:
    desk = Desk()
    desk.answers.refuse(a_request("OPTIONS"), CALLER, 400, "no\r\nsuch: phrase", ())
    assert desk.said() == []
    assert desk.ignored[0].startswith("no answer is possible")


def test_a_request_that_could_not_be_parsed() -> None:
    desk = Desk()
    reply = desk.answers.reply_to_unparsed(ParseError(400, "Bad", request=a_request("OPTIONS")), CALLER)
    assert reply is not None
    assert reply[1].startswith(b"SIP/2.0 400 Bad\r\n")
    for error in (ParseError(400, "Bad"), ParseError(400, "Bad", request=a_request("ACK")), ParseError(None, "Bad")):
        assert desk.answers.reply_to_unparsed(error, CALLER) is None
