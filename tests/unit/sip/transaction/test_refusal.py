"""Refusals without a transaction, byte for byte."""

from __future__ import annotations

from strowger.sip.message.message import Response, parse_message
from strowger.sip.transaction.key import refusal_tag
from strowger.sip.transaction.refusal import RETRY_AFTER_S, is_ack_of_refusal, refuse_merged, refuse_overload
from tests.unit.sip.transaction.messages import FLOW, ack, request

INVITE = request("INVITE")


def read(payload: bytes) -> Response:
    message = parse_message(payload)
    assert isinstance(message, Response)
    return message


def test_merged_request_is_482() -> None:
    sent = refuse_merged(INVITE, FLOW)
    answer = read(sent.payload)
    assert (sent.flow, sent.key, answer.status) == (FLOW, "", 482)
    assert answer.to_tag == refusal_tag(INVITE)
    assert answer.all("Via") == INVITE.all("Via")
    assert (answer.call_id, answer.cseq, answer.from_tag) == (INVITE.call_id, INVITE.cseq, INVITE.from_tag)
    assert not answer.has("Retry-After")


def test_overload_is_503_with_retry_after() -> None:
    answer = read(refuse_overload(INVITE, FLOW).payload)
    assert (answer.status, answer.first("Retry-After")) == (503, str(RETRY_AFTER_S))


def test_every_copy_gets_the_same_bytes() -> None:
    assert refuse_overload(INVITE, FLOW) == refuse_overload(request("INVITE"), FLOW)


def test_to_tag_of_a_dialog_is_kept() -> None:
    assert read(refuse_overload(request("BYE", to_tag="dialog"), FLOW).payload).to_tag == "dialog"


def test_its_ack_is_known_by_the_to_tag() -> None:
    assert is_ack_of_refusal(ack(INVITE, to_tag=refusal_tag(INVITE)))
    assert not is_ack_of_refusal(ack(INVITE, to_tag="a6c85cf"))
    assert not is_ack_of_refusal(ack(INVITE, to_tag=None))
    assert not is_ack_of_refusal(ack(INVITE, to_tag=refusal_tag(INVITE), branch="z9hG4bKother"))
