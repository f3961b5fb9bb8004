"""Matching by RFC 3261 branches and by the fields of RFC 2543."""

from __future__ import annotations

import pytest

from strowger.sip.message.message import Request
from strowger.sip.transaction.key import (
    MAX_KEY,
    ack_key,
    client_key,
    merged_id,
    refusal_tag,
    rfc2543_stem,
    server_key,
)
from tests.unit.sip.transaction.messages import BRANCH, ack, request, response

INVITE = request("INVITE")
OLD_INVITE = request("INVITE", branch=None)


def test_server_key_is_branch_sent_by_and_method() -> None:
    assert server_key(INVITE) == f"server INVITE pc33.example.com:5066 {BRANCH}"
    assert server_key(request("OPTIONS")) == f"server OPTIONS pc33.example.com:5066 {BRANCH}"


@pytest.mark.parametrize(
    "other",
    [
        request("INVITE", branch=BRANCH + "x"),
        request("INVITE", branch=BRANCH.upper().replace("Z9HG4BK", "z9hG4bK")),
        request("INVITE", sent_by="pc33.example.com:5060"),
        request("INVITE", sent_by="pc33.example.com"),
        request("UPDATE"),
    ],
)
def test_another_branch_sent_by_or_method_is_another_transaction(other: Request) -> None:
    assert server_key(other) != server_key(INVITE)


def test_nothing_else_matters_to_an_rfc_3261_branch() -> None:
    other = request("INVITE", uri="sip:x@y", from_tag="x", to_tag="y", call_id="z", cseq=1)
    assert server_key(other) == server_key(INVITE)
    assert server_key(request("INVITE", sent_by="PC33.Example.COM:5066")) == server_key(INVITE)


def test_ack_belongs_to_its_invite_and_cancel_to_itself() -> None:
    assert server_key(ack(INVITE)) == server_key(INVITE)
    assert server_key(request("CANCEL")) == f"server CANCEL pc33.example.com:5066 {BRANCH}"
    assert server_key(request("CANCEL"), "INVITE") == server_key(INVITE)


@pytest.mark.parametrize("branch", [None, "1", "z9hG4b", "z9hG4bK", "Z9HG4BKabc"])
def test_a_branch_without_a_cookie_of_its_own_is_rfc_2543(branch: str | None) -> None:
    old = request("INVITE", branch=branch)
    assert rfc2543_stem(old) is not None
    assert server_key(old).startswith("server INVITE ")
    assert server_key(old) == server_key(request("INVITE", branch=branch))
    assert len(server_key(old)) < MAX_KEY


def test_an_rfc_3261_request_has_no_stem() -> None:
    assert rfc2543_stem(INVITE) is None


@pytest.mark.parametrize(
    "field",
    [
        {"uri": "sip:carol@example.net"},
        {"to_tag": "x"},
        {"from_tag": "x"},
        {"from_tag": None},
        {"call_id": "x"},
        {"cseq": 1},
        {"branch": "1"},
        {"sent_by": "pc34.example.com:5066"},
        {"method": "OPTIONS"},
    ],
)
def test_each_field_of_rfc_2543_counts(field: dict[str, object]) -> None:
    fields: dict[str, object] = {"method": "INVITE", "branch": None, **field}
    assert server_key(request(**fields)) != server_key(OLD_INVITE)  # type: ignore[arg-type]


def test_rfc_2543_cancel_finds_its_invite() -> None:
    cancel = request("CANCEL", branch=None)
    assert server_key(cancel) != server_key(OLD_INVITE)
    assert server_key(cancel, "INVITE") == server_key(OLD_INVITE)


def test_rfc_2543_ack_has_the_to_tag_of_our_response() -> None:
    stem = rfc2543_stem(OLD_INVITE)
    assert stem is not None
    assert server_key(ack(OLD_INVITE, to_tag="ours")) == ack_key(stem, "ours")
    assert server_key(ack(OLD_INVITE, to_tag="theirs")) != ack_key(stem, "ours")
    assert server_key(ack(OLD_INVITE, to_tag="ours", uri="sip:x@y")) != ack_key(stem, "ours")


def test_client_key_is_branch_and_method() -> None:
    assert client_key(INVITE) == f"client INVITE {BRANCH}"
    assert client_key(response(180, INVITE)) == f"client INVITE {BRANCH}"
    assert client_key(response(200, request("CANCEL"))) == f"client CANCEL {BRANCH}"
    assert client_key(request("CANCEL"), "INVITE") == f"client INVITE {BRANCH}"


@pytest.mark.parametrize("branch", [None, "1", "z9hG4bK"])
def test_there_is_no_client_key_without_a_unique_branch(branch: str | None) -> None:
    assert client_key(request("INVITE", branch=branch)) is None
    assert client_key(response(200, request("INVITE", branch=branch))) is None


def test_a_long_key_is_replaced_by_its_digest() -> None:
    longest = BRANCH + "x" * (MAX_KEY - len(server_key(INVITE)))
    at_limit = server_key(request(branch=longest))
    assert (len(at_limit), at_limit.endswith("x")) == (MAX_KEY, True)
    beyond = server_key(request(branch=longest + "x"))
    assert len(beyond) < 60
    assert beyond == server_key(request(branch=longest + "x"))
    assert beyond != server_key(request(branch=longest + "y"))


def test_a_long_method_does_not_lengthen_the_key() -> None:
    method = "M" * 8000
    assert len(server_key(request(method))) < MAX_KEY
    assert len(server_key(request(method, branch=None))) < MAX_KEY
    assert len(client_key(request(method)) or "") < MAX_KEY


def test_merged_copies_share_from_tag_call_id_and_cseq() -> None:
    copy = request("INVITE", branch="z9hG4bKother", sent_by="elsewhere.example.com", uri="sip:carol@example.net")
    assert merged_id(copy) == merged_id(INVITE)


@pytest.mark.parametrize(
    "other",
    [request(from_tag="x"), request(call_id="x"), request(cseq=1), request("OPTIONS"), request(from_tag=None)],
)
def test_another_from_tag_call_id_or_cseq_is_no_copy(other: Request) -> None:
    assert merged_id(other) != merged_id(INVITE)


@pytest.mark.parametrize("other", [request(to_tag="x"), request("CANCEL"), ack(INVITE, to_tag=None)])
def test_what_is_never_a_copy(other: Request) -> None:
    assert merged_id(other) is None


def test_refusal_tag_is_the_same_for_each_copy_and_the_ack() -> None:
    assert refusal_tag(INVITE) == refusal_tag(request("INVITE")) == refusal_tag(ack(INVITE))
    assert refusal_tag(INVITE) != refusal_tag(request("INVITE", branch=BRANCH + "x"))
