"""The layer: matching, refusing, the limit, restarts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strowger.sip.message.build import ack_for
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request, Response, parse_message
from strowger.sip.transaction.errors import (
    DuplicateTransaction,
    InvalidRequest,
    TransactionLimit,
    UnknownTransaction,
    UnreadableSnapshot,
)
from strowger.sip.transaction.key import refusal_tag
from strowger.sip.transaction.layer import MAX_TRANSACTIONS, TransactionLayer
from strowger.sip.transaction.outputs import (
    AckArrived,
    Ignored,
    Output,
    RequestArrived,
    ResponseArrived,
    Send,
    Terminated,
    TimedOut,
    TransportFailed,
)
from strowger.sip.transaction.refusal import refuse_merged, refuse_overload
from strowger.sip.transaction.timers import Timings
from tests.unit.sip.transaction.messages import BRANCH, FLOW, OTHER_FLOW, ack, request, response

INVITE = request("INVITE")
INVITE_KEY = f"server INVITE pc33.example.com:5066 {BRANCH}"
OPTIONS = request("OPTIONS")
OPTIONS_KEY = f"server OPTIONS pc33.example.com:5066 {BRANCH}"
CLIENT_KEY = f"client INVITE {BRANCH}"
RINGING, OK, BUSY = (response(status, INVITE) for status in (180, 200, 486))


def layer_with_invite(**options: Any) -> TransactionLayer:
    layer = TransactionLayer(**options)
    assert layer.receive(INVITE, FLOW, 0.0, False) == [RequestArrived(INVITE_KEY, INVITE, FLOW)]
    return layer


def absorbed(state: str, message: Request | Response) -> list[Output]:
    return [Ignored(f"absorbed in state {state}", message)]


# Server transactions


def test_defaults() -> None:
    layer = TransactionLayer()
    assert (layer.timings, layer.max_transactions) == (Timings(), MAX_TRANSACTIONS)
    assert MAX_TRANSACTIONS == 50_000
    assert (len(layer), layer.next_deadline(), layer.advance(1e9)) == (0, None, [])


def test_rejected_call_from_end_to_end() -> None:
    layer = layer_with_invite()
    assert layer.receive(INVITE, FLOW, 0.5, False) == absorbed("Trying", INVITE)
    assert layer.respond(INVITE_KEY, RINGING, 1.0) == [Send(FLOW, RINGING.to_bytes(), INVITE_KEY)]
    assert layer.next_deadline() is None
    assert layer.receive(INVITE, FLOW, 1.5, False) == [Send(FLOW, RINGING.to_bytes(), INVITE_KEY)]
    assert layer.respond(INVITE_KEY, BUSY, 2.0) == [Send(FLOW, BUSY.to_bytes(), INVITE_KEY)]
    assert layer.next_deadline() == 2.5
    assert layer.advance(2.5) == [Send(FLOW, BUSY.to_bytes(), INVITE_KEY)]
    assert layer.receive(ack(INVITE), FLOW, 3.0, False) == []
    assert layer.next_deadline() == 8.0
    assert layer.advance(8.0) == [Terminated(INVITE_KEY)]
    assert (len(layer), layer.next_deadline()) == (0, None)


def test_it_knows_a_repeat_while_the_transaction_lives() -> None:
    layer = layer_with_invite()
    assert layer.knows(INVITE)
    assert not layer.knows(OPTIONS)


def test_accepted_call_passes_the_ack_and_absorbs_the_invite() -> None:
    layer = layer_with_invite()
    assert layer.respond(INVITE_KEY, OK, 1.0) == [Send(FLOW, OK.to_bytes(), INVITE_KEY)]
    assert layer.receive(INVITE, FLOW, 1.5, False) == absorbed("Accepted", INVITE)
    assert layer.respond(INVITE_KEY, OK, 2.0) == [Send(FLOW, OK.to_bytes(), INVITE_KEY)]
    own_branch, same_branch = ack(INVITE, branch="z9hG4bKown"), ack(INVITE)
    assert layer.receive(own_branch, OTHER_FLOW, 3.0, False) == [AckArrived(own_branch, OTHER_FLOW, None)]
    assert layer.receive(same_branch, OTHER_FLOW, 3.0, False) == [AckArrived(same_branch, OTHER_FLOW, INVITE_KEY)]
    assert layer.advance(33.0) == [Terminated(INVITE_KEY)]


def test_reliable_transactions_end_at_once() -> None:
    layer = TransactionLayer()
    layer.receive(INVITE, FLOW, 0.0, True)
    layer.respond(INVITE_KEY, BUSY, 0.0)
    assert layer.next_deadline() == 32.0  # Timer H, no Timer G
    assert layer.receive(ack(INVITE), FLOW, 1.0, True) == [Terminated(INVITE_KEY)]
    layer.receive(OPTIONS, FLOW, 2.0, True)
    answer = response(200, OPTIONS)
    assert layer.respond(OPTIONS_KEY, answer, 2.0) == [
        Send(FLOW, answer.to_bytes(), OPTIONS_KEY),
        Terminated(OPTIONS_KEY),
    ]
    assert len(layer) == 0


def test_non_invite_is_answered_again() -> None:
    layer = TransactionLayer()
    assert layer.receive(OPTIONS, FLOW, 0.0, False) == [RequestArrived(OPTIONS_KEY, OPTIONS, FLOW)]
    answer = response(200, OPTIONS)
    layer.respond(OPTIONS_KEY, answer, 0.0)
    assert layer.receive(OPTIONS, FLOW, 31.0, False) == [Send(FLOW, answer.to_bytes(), OPTIONS_KEY)]
    assert layer.advance(32.0) == [Terminated(OPTIONS_KEY)]
    assert layer.receive(OPTIONS, FLOW, 33.0, False) == [RequestArrived(OPTIONS_KEY, OPTIONS, FLOW)]


def test_a_late_response_to_an_ended_transaction_is_the_callers_fault() -> None:
    layer = layer_with_invite()
    layer.respond(INVITE_KEY, OK, 0.0)
    layer.advance(32.0)
    with pytest.raises(UnknownTransaction) as caught:
        layer.respond(INVITE_KEY, OK, 33.0)
    assert caught.value.key == INVITE_KEY


def test_ack_that_never_comes() -> None:
    layer = layer_with_invite(timings=Timings(t1=1.0))
    layer.respond(INVITE_KEY, BUSY, 0.0)
    while layer.next_deadline() != 64.0:
        layer.advance(layer.next_deadline() or 0.0)
    assert layer.advance(64.0) == [TimedOut(INVITE_KEY), Terminated(INVITE_KEY)]


def test_stray_ack_goes_to_the_core() -> None:
    stray = ack(INVITE)
    assert TransactionLayer().receive(stray, FLOW, 0.0, False) == [AckArrived(stray, FLOW, None)]


def test_malformed_field_is_a_parse_error_and_changes_nothing() -> None:
    layer = TransactionLayer()
    broken = parse_message(b"INVITE sip:a@b SIP/2.0\r\nVia: nonsense\r\n\r\n")
    with pytest.raises(ParseError):
        layer.receive(broken, FLOW, 0.0, False)
    no_call_id = INVITE.copy()
    no_call_id.remove("Call-ID")
    with pytest.raises(ParseError):
        layer.receive(no_call_id, FLOW, 0.0, False)
    assert len(layer) == 0


# CANCEL


def test_cancel_is_a_transaction_and_finds_its_invite() -> None:
    layer = layer_with_invite()
    cancel = request("CANCEL")
    key = f"server CANCEL pc33.example.com:5066 {BRANCH}"
    assert layer.receive(cancel, FLOW, 1.0, False) == [RequestArrived(key, cancel, FLOW)]
    assert layer.find_invite(cancel) == INVITE_KEY
    layer.respond(INVITE_KEY, OK, 1.0)
    assert layer.find_invite(cancel) == INVITE_KEY  # the core finds out that it comes too late
    layer.advance(33.0)
    assert layer.find_invite(cancel) is None


@pytest.mark.parametrize("other", [{"branch": BRANCH + "x"}, {"sent_by": "elsewhere.example.com"}])
def test_cancel_of_another_branch_or_host_finds_nothing(other: dict[str, str]) -> None:
    layer = layer_with_invite()
    assert layer.find_invite(request("CANCEL", **other)) is None  # type: ignore[arg-type]


# RFC 2543


def test_rfc_2543_invite_cancel_and_ack() -> None:
    layer = TransactionLayer()
    old = request("INVITE", branch=None)
    [arrival] = layer.receive(old, FLOW, 0.0, False)
    assert isinstance(arrival, RequestArrived)
    assert layer.receive(old, FLOW, 0.1, False) == absorbed("Trying", old)
    assert layer.find_invite(request("CANCEL", branch=None)) == arrival.key
    busy = response(486, old, tag="ours")
    layer.respond(arrival.key, busy, 1.0)
    stranger = ack(old, to_tag="theirs")
    assert layer.receive(stranger, FLOW, 1.1, False) == [AckArrived(stranger, FLOW, None)]
    assert layer.receive(ack(old, to_tag="ours"), FLOW, 1.2, False) == []
    assert layer.advance(6.2) == [Terminated(arrival.key)]
    assert not layer._acks


def test_rfc_2543_ack_survives_a_restart() -> None:
    layer = TransactionLayer()
    old = request("INVITE", branch="1")
    [arrival] = layer.receive(old, FLOW, 0.0, False)
    assert isinstance(arrival, RequestArrived)
    layer.respond(arrival.key, response(486, old, tag="ours"), 1.0)
    later = TransactionLayer()
    later.restore(layer.export(arrival.key, 1.0), FLOW, 0.0)
    assert later.receive(ack(old, to_tag="ours"), FLOW, 0.1, False) == []


# Client transactions


def test_client_invite_from_end_to_end() -> None:
    layer = TransactionLayer()
    key, outputs = layer.request(INVITE, FLOW, 0.0, False)
    assert (key, outputs) == (CLIENT_KEY, [Send(FLOW, INVITE.to_bytes(), CLIENT_KEY)])
    assert layer.advance(0.5) == [Send(FLOW, INVITE.to_bytes(), CLIENT_KEY)]
    assert layer.receive(RINGING, OTHER_FLOW, 1.0, False) == [ResponseArrived(CLIENT_KEY, RINGING)]
    assert layer.next_deadline() is None
    acknowledged = Send(FLOW, ack_for(INVITE, BUSY).to_bytes(), CLIENT_KEY)
    assert layer.receive(BUSY, FLOW, 90.0, False) == [acknowledged, ResponseArrived(CLIENT_KEY, BUSY)]
    assert layer.receive(BUSY, FLOW, 90.5, False) == [acknowledged]
    assert layer.advance(122.0) == [Terminated(CLIENT_KEY)]
    assert layer.receive(BUSY, FLOW, 123.0, False) == [Ignored("a response that belongs to no transaction", BUSY)]


def test_zero_timers_of_a_reliable_client_fire_at_once() -> None:
    layer = TransactionLayer()
    layer.request(INVITE, FLOW, 0.0, True)
    outputs = layer.receive(BUSY, FLOW, 1.0, True)
    assert outputs[1:] == [ResponseArrived(CLIENT_KEY, BUSY), Terminated(CLIENT_KEY)]
    assert (len(layer), layer.next_deadline()) == (0, None)


def test_every_2xx_is_passed_up_while_accepted() -> None:
    layer = TransactionLayer()
    layer.request(INVITE, FLOW, 0.0, False)
    other = response(200, INVITE, tag="another-callee")
    for now, answer in ((1.0, OK), (2.0, OK), (32.9, other)):
        assert layer.receive(answer, FLOW, now, False) == [ResponseArrived(CLIENT_KEY, answer)]
    assert layer.advance(33.0) == [Terminated(CLIENT_KEY)]
    assert layer.receive(OK, FLOW, 33.1, False) == [Ignored("a response that belongs to no transaction", OK)]


def test_cancel_is_told_from_its_invite_by_the_cseq_method() -> None:
    layer = TransactionLayer()
    layer.request(INVITE, FLOW, 0.0, False)
    cancel = request("CANCEL")
    key, _ = layer.request(cancel, FLOW, 1.0, False)
    answer = response(200, cancel)
    assert layer.receive(answer, FLOW, 1.1, False) == [ResponseArrived(key, answer)]
    assert layer.receive(RINGING, FLOW, 1.2, False) == [ResponseArrived(CLIENT_KEY, RINGING)]


def test_response_with_more_than_one_via_is_found_by_the_top_one() -> None:
    layer = TransactionLayer()
    layer.request(INVITE, FLOW, 0.0, False)
    relayed = RINGING.copy()
    relayed.append("Via", "SIP/2.0/UDP caller.example.com;branch=z9hG4bKcaller")
    assert layer.receive(relayed, FLOW, 1.0, False) == [ResponseArrived(CLIENT_KEY, relayed)]


@pytest.mark.parametrize("branch", ["z9hG4bKother", "1"])
def test_stray_response_is_ignored(branch: str) -> None:
    layer = TransactionLayer()
    layer.request(INVITE, FLOW, 0.0, False)
    stray = response(200, INVITE, branch=branch)
    assert layer.receive(stray, FLOW, 1.0, False) == [Ignored("a response that belongs to no transaction", stray)]


@pytest.mark.parametrize("invalid", [ack(INVITE), request(branch=None), request(branch="1")])
def test_what_opens_no_client_transaction(invalid: Request) -> None:
    layer = TransactionLayer()
    with pytest.raises(InvalidRequest):
        layer.request(invalid, FLOW, 0.0, False)
    assert len(layer) == 0


def test_the_same_branch_twice_is_refused() -> None:
    layer = TransactionLayer()
    layer.request(INVITE, FLOW, 0.0, False)
    with pytest.raises(DuplicateTransaction):
        layer.request(INVITE, FLOW, 0.0, False)
    assert len(layer) == 1


# Failing transports


def test_transport_failure_ends_a_calling_client() -> None:
    layer = TransactionLayer()
    layer.request(INVITE, FLOW, 0.0, False)
    assert layer.transport_failed(CLIENT_KEY, 0.1) == [TransportFailed(CLIENT_KEY), Terminated(CLIENT_KEY)]
    assert (len(layer), layer.next_deadline()) == (0, None)
    gone = [Ignored("the transport failed after the transaction had ended", None)]
    assert layer.transport_failed(CLIENT_KEY, 0.2) == gone
    assert layer.transport_failed("", 0.2) == gone


def test_transport_failure_leaves_an_invite_server_alive() -> None:
    layer = layer_with_invite()
    layer.respond(INVITE_KEY, RINGING, 0.0)
    assert layer.transport_failed(INVITE_KEY, 0.1) == [TransportFailed(INVITE_KEY)]
    assert layer.respond(INVITE_KEY, BUSY, 1.0) == [Send(FLOW, BUSY.to_bytes(), INVITE_KEY)]


def test_transport_failure_ends_other_transactions() -> None:
    layer = TransactionLayer()
    key, _ = layer.request(OPTIONS, FLOW, 0.0, False)
    assert layer.transport_failed(key, 0.1) == [TransportFailed(key), Terminated(key)]
    layer.receive(OPTIONS, FLOW, 0.0, False)
    layer.respond(OPTIONS_KEY, response(200, OPTIONS), 0.0)
    assert layer.transport_failed(OPTIONS_KEY, 0.1) == [TransportFailed(OPTIONS_KEY), Terminated(OPTIONS_KEY)]
    assert (len(layer), layer.next_deadline()) == (0, None)


# Merged requests


def test_merged_request_is_refused_without_a_transaction() -> None:
    layer = layer_with_invite()
    copy = request("INVITE", branch="z9hG4bKother")
    assert layer.receive(copy, OTHER_FLOW, 1.0, False) == [refuse_merged(copy, OTHER_FLOW)]
    assert len(layer) == 1
    refused = ack(copy, to_tag=refusal_tag(copy))
    assert layer.receive(refused, OTHER_FLOW, 1.1, False) == [
        Ignored("the ACK of a response sent without a transaction", refused)
    ]


def test_merged_request_is_refused_while_the_first_is_answered() -> None:
    layer = layer_with_invite()
    layer.respond(INVITE_KEY, OK, 1.0)
    copy = request("INVITE", branch="z9hG4bKother")
    assert layer.receive(copy, FLOW, 32.9, False) == [refuse_merged(copy, FLOW)]
    layer.respond(INVITE_KEY, BUSY, 32.9)  # discarded, and no reason to let the copy in
    assert layer.receive(copy, FLOW, 32.9, False) == [refuse_merged(copy, FLOW)]
    layer.advance(33.0)
    assert isinstance(layer.receive(copy, FLOW, 33.1, False)[0], RequestArrived)


def test_rejected_request_may_be_tried_by_another_path() -> None:
    layer = layer_with_invite()
    layer.respond(INVITE_KEY, BUSY, 1.0)
    again = request("INVITE", branch="z9hG4bKnext")
    [arrival] = layer.receive(again, FLOW, 1.1, False)
    assert isinstance(arrival, RequestArrived)
    layer.receive(ack(INVITE), FLOW, 1.2, False)
    assert layer.advance(6.2) == [Terminated(INVITE_KEY)]
    third = request("INVITE", branch="z9hG4bKthird")
    assert layer.receive(third, FLOW, 6.3, False) == [refuse_merged(third, FLOW)]  # the second is being served


def test_request_inside_a_dialog_is_never_merged() -> None:
    layer = TransactionLayer()
    for branch in ("z9hG4bKone", "z9hG4bKtwo"):
        [arrival] = layer.receive(request("BYE", branch=branch, to_tag="x"), FLOW, 0.0, False)
        assert isinstance(arrival, RequestArrived)


def test_cancel_of_a_merged_request_reaches_the_core() -> None:
    layer = layer_with_invite()
    cancel = request("CANCEL", branch="z9hG4bKother")
    assert isinstance(layer.receive(cancel, FLOW, 1.0, False)[0], RequestArrived)
    assert layer.find_invite(cancel) is None


# The limit


def test_the_last_free_place_is_given_and_the_next_request_is_refused() -> None:
    layer = TransactionLayer(max_transactions=2)
    for number in (1, 2):
        assert isinstance(layer.receive(distinct(number), FLOW, 0.0, False)[0], RequestArrived)
    third = distinct(3)
    assert layer.receive(third, OTHER_FLOW, 0.0, False) == [refuse_overload(third, OTHER_FLOW)]
    assert len(layer) == 2
    with pytest.raises(TransactionLimit) as caught:
        layer.request(request(branch="z9hG4bKout"), FLOW, 0.0, False)
    assert (caught.value.limit, caught.value.status) == (2, 503)
    refused = ack(third, to_tag=refusal_tag(third))
    assert isinstance(layer.receive(refused, FLOW, 0.1, False)[0], Ignored)


def test_a_full_table_keeps_serving_what_it_has() -> None:
    layer = layer_with_invite(max_transactions=2)
    layer.request(request(branch="z9hG4bKout"), FLOW, 0.0, False)
    assert layer.receive(INVITE, FLOW, 0.1, False) == absorbed("Trying", INVITE)
    ringing = response(180, request(branch="z9hG4bKout"))
    assert layer.receive(ringing, FLOW, 0.2, False) == [ResponseArrived("client INVITE z9hG4bKout", ringing)]
    assert layer.respond(INVITE_KEY, BUSY, 0.3) == [Send(FLOW, BUSY.to_bytes(), INVITE_KEY)]
    assert layer.receive(ack(INVITE), FLOW, 0.4, False) == []
    stray = ack(INVITE, branch="z9hG4bKown")
    assert layer.receive(stray, FLOW, 0.5, False) == [AckArrived(stray, FLOW, None)]
    layer.advance(5.4)
    assert isinstance(layer.receive(distinct(1), FLOW, 5.5, False)[0], RequestArrived)  # a place became free


def test_a_full_table_lets_calls_be_cancelled() -> None:
    layer = layer_with_invite(max_transactions=2)
    layer.request(request(branch="z9hG4bKout"), FLOW, 0.0, False)
    assert isinstance(layer.receive(request("CANCEL"), FLOW, 1.0, False)[0], RequestArrived)
    layer.request(request("CANCEL", branch="z9hG4bKout"), FLOW, 1.0, False)
    assert len(layer) == 4
    stranger = request("CANCEL", branch="z9hG4bKother")
    assert layer.receive(stranger, FLOW, 1.0, False) == [refuse_overload(stranger, FLOW)]
    with pytest.raises(TransactionLimit):
        layer.request(stranger, FLOW, 1.0, False)


def distinct(number: int) -> Request:
    return request("INVITE", branch=f"z9hG4bK{number}", call_id=f"call-{number}")


# Timers of many transactions


def test_advance_fires_what_is_due_in_order() -> None:
    layer = TransactionLayer()
    first, second = distinct(1), distinct(2)
    layer.request(second, FLOW, 0.2, False)
    layer.request(first, FLOW, 0.1, False)
    assert layer.next_deadline() == pytest.approx(0.6)
    outputs = layer.advance(1.0)
    assert [output.payload for output in outputs if isinstance(output, Send)] == [first.to_bytes(), second.to_bytes()]
    assert layer.next_deadline() == 2.0


def test_nothing_is_left_behind() -> None:
    layer = TransactionLayer()
    for number in range(50):
        invite = request("INVITE", branch=f"{'z9hG4bK' if number % 2 else ''}{number}", call_id=f"call-{number}")
        [arrival] = layer.receive(invite, FLOW, 0.0, False)
        assert isinstance(arrival, RequestArrived)
        layer.respond(arrival.key, response(486 if number % 3 else 200, invite), 0.0)
        layer.request(distinct(number), FLOW, 0.0, False)
    while (deadline := layer.next_deadline()) is not None:
        layer.advance(deadline)
    assert len(layer) == len(layer._timers) == len(layer._merged) == len(layer._acks) == 0


def test_forget_drops_without_a_word() -> None:
    layer = layer_with_invite()
    layer.respond(INVITE_KEY, BUSY, 0.0)
    layer.forget(INVITE_KEY)
    layer.forget(INVITE_KEY)
    assert (len(layer), layer.next_deadline(), len(layer._merged)) == (0, None, 0)
    assert isinstance(layer.receive(INVITE, FLOW, 1.0, False)[0], RequestArrived)


# Crossing a restart


def test_export_and_restore_through_json() -> None:
    layer = layer_with_invite()
    layer.respond(INVITE_KEY, BUSY, 0.0)
    layer.request(INVITE, FLOW, 0.0, False)
    layer.receive(OPTIONS, FLOW, 0.0, False)
    bye = request("BYE", to_tag="x")
    bye_key, _ = layer.request(bye, FLOW, 0.0, False)
    keys = [INVITE_KEY, CLIENT_KEY, OPTIONS_KEY, bye_key]
    plain = json.loads(json.dumps([layer.export(key, 0.375) for key in keys]))
    later = TransactionLayer(max_transactions=1)
    assert [later.restore(one, OTHER_FLOW, 100.0) for one in plain] == keys
    assert [later.export(key, 100.0) for key in keys] == plain
    assert later.next_deadline() == 100.125
    outputs = later.advance(100.2)
    assert outputs == [
        Send(OTHER_FLOW, BUSY.to_bytes(), INVITE_KEY),
        Send(OTHER_FLOW, INVITE.to_bytes(), CLIENT_KEY),
        Send(OTHER_FLOW, bye.to_bytes(), bye_key),
    ]


def test_restored_transaction_still_refuses_merged_requests() -> None:
    later = TransactionLayer()
    later.restore(layer_with_invite().export(INVITE_KEY, 1.0), FLOW, 0.0)
    copy = request("INVITE", branch="z9hG4bKother")
    assert later.receive(copy, FLOW, 0.1, False) == [refuse_merged(copy, FLOW)]


def test_restore_of_a_living_transaction_is_refused() -> None:
    layer = layer_with_invite()
    layer.request(INVITE, FLOW, 0.0, False)
    for key in (INVITE_KEY, CLIENT_KEY):
        with pytest.raises(DuplicateTransaction):
            layer.restore(layer.export(key, 0.0), FLOW, 0.0)
    with pytest.raises(DuplicateTransaction):
        layer.restore_invite_server(INVITE, FLOW, 0.0, False, None)


def test_export_of_nothing() -> None:
    with pytest.raises(UnknownTransaction):
        TransactionLayer().export("nothing", 0.0)


@pytest.mark.parametrize(
    "damage",
    [
        {"kind": "proxy"},
        {"state": "Ringing"},
        {"payload": None},
        {"payload": "\u20ac"},
        {"deadlines": {"Timer Z": 1.0}},
        {"deadlines": {"Timer I": 1.0}},
        {"deadlines": {"Timer G": "soon"}},
        {"deadlines": []},
        {"interval": "long"},
    ],
)
def test_damaged_snapshot(damage: dict[str, Any]) -> None:
    layer = layer_with_invite()
    layer.respond(INVITE_KEY, BUSY, 0.0)
    plain: Any = {**layer.export(INVITE_KEY, 0.0), **damage}
    later = TransactionLayer()
    with pytest.raises(UnreadableSnapshot):
        later.restore(plain, FLOW, 0.0)
    assert len(later) == 0


def test_incomplete_snapshot() -> None:
    with pytest.raises(UnreadableSnapshot):
        TransactionLayer().restore({}, FLOW, 0.0)  # type: ignore[typeddict-item]


def test_held_call_is_rebuilt_with_its_last_provisional() -> None:
    layer = TransactionLayer(max_transactions=0)
    key = layer.restore_invite_server(INVITE, FLOW, 0.0, False, RINGING.to_bytes())
    assert key == INVITE_KEY
    assert layer.receive(INVITE, FLOW, 1.0, False) == [Send(FLOW, RINGING.to_bytes(), INVITE_KEY)]
    assert layer.find_invite(request("CANCEL")) == INVITE_KEY
    copy = request("INVITE", branch="z9hG4bKother")
    assert layer.receive(copy, FLOW, 1.0, False) == [refuse_merged(copy, FLOW)]
    assert layer.respond(INVITE_KEY, BUSY, 2.0) == [Send(FLOW, BUSY.to_bytes(), INVITE_KEY)]
    assert layer.receive(ack(INVITE), FLOW, 2.1, False) == []


def test_held_call_without_a_response_is_rebuilt_silent() -> None:
    layer = TransactionLayer()
    layer.restore_invite_server(INVITE, FLOW, 0.0, True, None)
    assert layer.receive(INVITE, FLOW, 1.0, True) == absorbed("Trying", INVITE)


def test_rebuilt_rfc_2543_call_gets_its_ack() -> None:
    layer = TransactionLayer()
    old = request("INVITE", branch=None)
    key = layer.restore_invite_server(old, FLOW, 0.0, False, None)
    layer.respond(key, response(486, old, tag="ours"), 1.0)
    assert layer.receive(ack(old, to_tag="ours"), FLOW, 1.1, False) == []


def test_a_forgotten_invite_can_be_sent_again_with_the_same_branch() -> None:
    layer = TransactionLayer()
    sent = (CLIENT_KEY, [Send(FLOW, INVITE.to_bytes(), CLIENT_KEY)])
    assert layer.request(INVITE, FLOW, 0.0, False) == sent
    layer.forget(CLIENT_KEY)
    assert layer.request(INVITE, FLOW, 0.0, False) == sent
