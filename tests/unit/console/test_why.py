"""Every sentence that explains a call."""

from __future__ import annotations

from strowger.calls.call import Branch, Failure, GroupStep, Hop, Opening, State
from strowger.calls.identifier import phone_number
from strowger.console.why import chain, name, notes, sentence
from tests.support.console import BOB, a_call, a_redirected_call

NOW = 1_767_225_612.0


def test_a_held_call_says_what_it_waits_for() -> None:
    expected = "The call is held for +31201110001 and waits for the application to decide: 18 s are left."
    assert sentence(a_call(), NOW) == expected


def test_a_deadline_that_is_over_leaves_nothing() -> None:
    assert sentence(a_call(), NOW + 60).endswith("to decide: 0 s are left.")


def test_a_ringing_call_says_where() -> None:
    hop = Hop(BOB, NOW - 2, NOW + 58, ring=("sip:bob@127.0.0.1:5071",))
    assert sentence(a_call(state=State.RINGING, hops=[hop]), NOW) == "The call rings at 8:acs:res_bob: 58 s are left."


def test_a_call_that_is_over_says_how_it_ended() -> None:
    expected = "The call ended after 2.31 s with 200: answered by sip:bob@127.0.0.1:5071."
    assert sentence(a_redirected_call(), NOW) == expected


def test_a_call_of_which_nothing_is_known_yet() -> None:
    assert sentence(a_call(state=State.ARRIVED, hops=[]), NOW) == "The call has just arrived."


def test_the_chain_has_a_sentence_for_each_hop() -> None:
    assert chain(a_redirected_call()) == (
        "1. +31201110001: announced as event evt-1; after 0.07 s: redirect to 8:acs:res_bob",
        "2. 8:acs:res_bob: rang sip:bob@127.0.0.1:5071, announced as event evt-2; "
        "after 2.24 s: answered by sip:bob@127.0.0.1:5071",
    )


def test_the_chain_of_a_call_that_lives() -> None:
    out = Hop(phone_number("+4512345678"), NOW, NOW + 60, ring=("sip:+4512345678@sbc.test",), via="carrier-a")
    assert chain(a_call(hops=[out])) == (
        "1. +4512345678: rang sip:+4512345678@sbc.test through carrier-a; no decision yet",
    )


def test_the_chain_says_why_the_next_trunk_was_tried() -> None:
    joined = (Branch("sip:1@b.test", "b", replaces=0, because="503 Service Unavailable"),)
    out = Hop(phone_number("+4512345678"), NOW, NOW + 60, ring=("sip:1@a.test",), via="a", joined=joined)
    assert chain(a_call(hops=[out])) == (
        "1. +4512345678: rang sip:1@a.test through a, "
        "then sip:1@b.test through b (the one before: 503 Service Unavailable); no decision yet",
    )


def test_a_call_that_was_returned_and_one_that_went_on_by_default() -> None:
    number = phone_number("+31201110001")
    failure = Failure("8:acs:res_bob", 486, "Busy Here", "bob is busy")
    back = Hop(number, NOW - 2, NOW + 28, "evt-3", opening=Opening.RETURNED, failure=failure)
    assert sentence(a_call(hops=[back]), NOW) == (
        "The call is held for +31201110001 again and waits for the application to decide: 28 s are left."
    )
    nobody = Hop(BOB, NOW, NOW, closed_at=NOW, decision="nobody can be reached", opening=Opening.DEFAULT)
    assert chain(a_call(hops=[nobody, back])) == (
        "1. 8:acs:res_bob: by default, nobody to ring and nobody to tell; after 0.00 s: nobody can be reached",
        "2. +31201110001: held again, announced as event evt-3; no decision yet",
    )


def test_the_chain_of_a_call_to_nobody() -> None:
    hop = Hop(BOB, NOW, NOW)
    assert chain(a_call(hops=[hop])) == ("1. 8:acs:res_bob: nobody to ring and nobody to tell; no decision yet",)


def test_what_the_application_was_not_told() -> None:
    assert notes(a_call()) == ()
    call = a_call(headers_left_out=("X-A: its value is not UTF-8", "and 3 further headers"))
    assert notes(call) == (
        "Left out of its events: X-A: its value is not UTF-8.",
        "Left out of its events: and 3 further headers.",
    )


def test_names() -> None:
    assert name(phone_number("+4512345678")) == "+4512345678"
    assert name(BOB) == "8:acs:res_bob"


def test_the_chain_of_a_group() -> None:
    steps = [
        GroupStep((Branch(f"sip:{n}@127.0.0.1", member=f"8:acs:r_{n}"),), position=n, members=2) for n in (1, 2)
    ]
    hops = [
        Hop(phone_number("+31"), NOW, NOW + 20, "evt-1", closed_at=NOW + 3, decision="busy", group=steps[0]),
        Hop(phone_number("+31"), NOW + 3, NOW + 23, "evt-1", opening=Opening.HUNT, group=steps[1]),
    ]
    assert chain(a_call(hops=hops)) == (
        "1. +31: rang sip:1@127.0.0.1 (1 of 2 of the group), announced as event evt-1; after 3.00 s: busy",
        "2. +31: rang sip:2@127.0.0.1 (2 of 2 of the group); no decision yet",
    )
    everybody = GroupStep(steps[0].branches, left_out=("4:+45: not allowed",), members=2)
    assert chain(a_call(hops=[Hop(phone_number("+31"), NOW, NOW + 20, group=everybody)])) == (
        "1. +31: rang sip:1@127.0.0.1 (all of the group), not rung: 4:+45: not allowed; no decision yet",
    )
