"""Who is ours, who is outside, and which way leads there."""

from __future__ import annotations

import msgspec
import pytest

from strowger.calls.directory import Directory, Number, escape_user, outside_id
from strowger.calls.errors import CallRefused, TargetInvalid, TargetUnroutable
from strowger.calls.identifier import Identifier, Kind, from_raw_id, phone_number, teams_app, teams_user
from strowger.calls.identities import Identity
from strowger.calls.ports import RingPlan
from tests.support.exchange import ALICE, BOB, NUMBER, arrival, directory

CALLER = phone_number("+31612345678")
TEAMS_ID = "2a4d0f3e-52a5-4d1f-9b0d-7a4a3f1f0001"


@pytest.mark.parametrize("dialled", [NUMBER, NUMBER[1:]])
def test_an_owned_number_is_announced_and_rings_nobody(dialled: str) -> None:
    assert directory().addressee(dialled) == ("dev", RingPlan(phone_number(NUMBER), announced=True))


@pytest.mark.parametrize("dialled", ["bob", "BOB", BOB, BOB.upper(), BOB.rpartition("_")[2]])
def test_a_user_is_rung_at_all_contacts_and_announced(dialled: str) -> None:
    contacts = ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072")
    assert directory().addressee(dialled) == ("dev", RingPlan(from_raw_id(BOB), contacts, announced=True))


class OnePhone:
    """Bob has registered one phone more, and once more one he has anyway."""

    def contacts(self, user: str) -> tuple[str, ...]:
        return ("sip:bob@192.0.2.44", "sip:bob@127.0.0.1:5072") if user == BOB else ()

    def addresses(self, user: str) -> frozenset[str]:
        return frozenset(("192.0.2.44",)) if user == BOB else frozenset()


def test_registered_phones_are_rung_too_and_each_once() -> None:
    contacts = ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072", "sip:bob@192.0.2.44")
    assert directory(presence=OnePhone()).addressee("bob")[1].ring == contacts
    assert directory(presence=OnePhone()).target("dev", from_raw_id(BOB), CALLER).ring == contacts


def test_a_trunk_is_sent_back_to_call_whom_it_can_reach_but_not_to_a_phone_that_only_we_reach() -> None:
    known = directory(presence=OnePhone())
    outside = phone_number("+18005550199")
    for target, is_sent in ((from_raw_id(BOB), False), (from_raw_id(ALICE), True), (outside, True)):
        plan = known.target("dev", target, CALLER)
        assert known.sends_back("back", plan) is is_sent
        assert not known.sends_back("near", plan)
        assert not known.sends_back("", plan)


@pytest.mark.parametrize(("caller", "who"), [("bob", BOB), ("alice", "sip:who@example")])
def test_a_caller_is_believed_from_where_its_own_phone_registered(caller: str, who: str) -> None:
    here = arrival(caller=caller, source="192.0.2.44", caller_uri="sip:who@example")
    assert directory(presence=OnePhone()).caller(here).raw_id == who


@pytest.mark.parametrize("dialled", ["", "carol", "+31201110003", "8:acs:x_y"])
def test_anybody_else_is_not_here(dialled: str) -> None:
    with pytest.raises(CallRefused) as refused:
        directory().addressee(dialled)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("caller", "source", "who"),
    [
        ("+31612345678", "192.0.2.1", "4:+31612345678"),
        ("0612345678", "192.0.2.1", "4:0612345678"),
        ("anonymous", "192.0.2.1", "4:anonymous"),
        ("", "192.0.2.1", "4:anonymous"),
        ("alice", "127.0.0.1", ALICE),
        ("bob", "127.0.0.2", BOB),
        ("alice", "192.0.2.1", "sip:who@example"),
        ("carol", "127.0.0.1", "sip:who@example"),
    ],
)
def test_a_caller_is_believed_to_be_a_user_only_from_its_own_address(caller: str, source: str, who: str) -> None:
    got = directory().caller(arrival(caller=caller, source=source, caller_uri="sip:who@example"))
    assert got.raw_id == who


@pytest.mark.parametrize(
    ("proven", "who"), [(BOB.lower(), BOB), ("8:acs:x_gone", "sip:who@example"), ("", "sip:who@example")]
)
def test_a_caller_that_proved_to_be_a_user_is_one_from_anywhere(proven: str, who: str) -> None:
    got = directory().caller(
        arrival(caller="bob", caller_user=proven, source="192.0.2.1", caller_uri="sip:who@example")
    )
    assert got.raw_id == who


def test_a_stranger_is_no_user_even_from_the_address_of_one() -> None:
    here = arrival(caller="alice", source="127.0.0.1", caller_uri="sip:who@example")
    assert directory().caller(here).raw_id == ALICE
    assert directory().caller(msgspec.structs.replace(here, is_stranger=True)).raw_id == "sip:who@example"


def test_the_longest_matching_route_wins() -> None:
    assert directory().target("dev", phone_number("+18005550199"), CALLER).ring == ("sip:+18005550199@127.0.0.1:5090",)
    plan = directory().target("dev", phone_number("+12125550199"), CALLER)
    assert (plan.ring, plan.via, plan.announced) == (("sip:+12125550199@sbc.example;transport=tcp",), "carrier", False)


@pytest.mark.parametrize("raw_id", ["4:+12125550199_asserted", "4:+12125550199"])
def test_an_asserted_id_is_not_dialled(raw_id: str) -> None:
    assert directory().target("dev", from_raw_id(raw_id), CALLER).ring == (
        "sip:+12125550199@sbc.example;transport=tcp",
    )


@pytest.mark.parametrize("target", [phone_number("+4900000"), teams_app(TEAMS_ID), from_raw_id("28:zzz")])
def test_outside_is_denied_until_a_route_allows_it(target: Identifier) -> None:
    with pytest.raises(TargetUnroutable) as refused:
        directory().target("dev", target, CALLER)
    assert (refused.value.status, refused.value.code, refused.value.target) == (405, "8520", "target")
    assert f'kind = "{target.kind.value}"' in str(refused.value)


def test_a_teams_user_goes_by_its_route() -> None:
    assert directory().target("dev", teams_user(TEAMS_ID), CALLER).ring == (f"sip:{TEAMS_ID}@127.0.0.1:5090",)


@pytest.mark.parametrize(
    "number", ["anonymous", "", "+", "abc", "+1800<script>", "+1800 555", "+1800\r\nX: y", "+" + "1" * 21, "²"]
)
def test_what_is_no_number_is_not_dialled(number: str) -> None:
    with pytest.raises(TargetInvalid):
        directory().target("dev", Identifier(Kind.PHONE_NUMBER, f"4:{number}"), CALLER)


@pytest.mark.parametrize("raw_id", ["8:acs:unknown_user", "8:acs:other_1"])
def test_a_user_of_nobody_or_of_another_resource_is_invalid(raw_id: str) -> None:
    with pytest.raises(TargetInvalid):
        directory().target("dev", from_raw_id(raw_id), CALLER)


def test_a_number_of_another_resource_is_outside() -> None:
    with pytest.raises(TargetUnroutable):
        directory().target("dev", phone_number("+4511223344"), CALLER)


def test_calls_from_users_may_be_kept_inside() -> None:
    inside = Directory(numbers=[Number("dev", NUMBER)], user_may_dial_out=False)
    with pytest.raises(TargetUnroutable, match="voip_to_phone"):
        inside.target("dev", phone_number("+1800"), from_raw_id(ALICE))
    assert inside.target("dev", phone_number(NUMBER), from_raw_id(ALICE)).announced


def test_nothing_ends_a_user_part_early() -> None:
    assert escape_user("a@b>;x\r\né") == "a%40b%3E;x%0D%0A%C3%A9"


@pytest.mark.parametrize(
    ("target", "asked_for"),
    [
        (phone_number("+31612345678"), "+31612345678"),
        (from_raw_id("4:+31612345678_asserted"), "+31612345678"),
        (teams_user(TEAMS_ID), TEAMS_ID),
        (teams_app(TEAMS_ID), TEAMS_ID),
        (from_raw_id(f"8:acs:resource_tenant_{TEAMS_ID}"), TEAMS_ID),
        (from_raw_id("99:something/else"), "99:something/else"),
    ],
)
def test_what_a_trunk_is_asked_for(target: Identifier, asked_for: str) -> None:
    assert outside_id(target) == asked_for


CREATED = Identity("8:acs:dev_6d6c7a70-aaaa", "dev", 1_000.0)


class OneCreated:
    """An application created one user; words are compared without capitals."""

    def created(self, word: str) -> Identity | None:
        return CREATED if word.lower() in (CREATED.raw_id, "6d6c7a70-aaaa") else None


class ItsPhone:
    """And it has registered a phone."""

    def contacts(self, user: str) -> tuple[str, ...]:
        return ("sip:phone@192.0.2.44",) if user == CREATED.raw_id else ()

    def addresses(self, user: str) -> frozenset[str]:
        return frozenset(("192.0.2.44",)) if user == CREATED.raw_id else frozenset()


@pytest.mark.parametrize("dialled", [CREATED.raw_id, CREATED.raw_id.upper(), "6d6c7a70-aaaa", "6D6C7A70-AAAA"])
def test_a_user_that_was_created_is_dialled_like_any_other(dialled: str) -> None:
    plan = RingPlan(from_raw_id(CREATED.raw_id), announced=True)
    assert directory(created=OneCreated()).addressee(dialled) == ("dev", plan)
    with_phone = msgspec.structs.replace(plan, ring=("sip:phone@192.0.2.44",))
    assert directory(ItsPhone(), created=OneCreated()).addressee(dialled) == ("dev", with_phone)


def test_a_user_that_was_created_is_a_target_in_its_resource_only() -> None:
    known, target = directory(created=OneCreated()), from_raw_id(CREATED.raw_id)
    assert known.target("dev", target, CALLER) == RingPlan(target, announced=True)
    for resource, raw_id in (("other", CREATED.raw_id), ("dev", "6d6c7a70-aaaa"), ("dev", "8:acs:dev_else")):
        with pytest.raises(TargetInvalid):
            known.target(resource, Identifier(Kind.COMMUNICATION_USER, raw_id), CALLER)


def test_a_user_that_was_created_calls_once_it_has_proved_to_be_one() -> None:
    known = directory(ItsPhone(), created=OneCreated())
    assert known.caller(arrival(caller_user=CREATED.raw_id)) == from_raw_id(CREATED.raw_id)
    at_home = arrival(caller="6d6c7a70-aaaa", source="192.0.2.44")
    assert known.caller(at_home) == from_raw_id(CREATED.raw_id)
    elsewhere = arrival(caller="6d6c7a70-aaaa", source="192.0.2.45", caller_uri="sip:who@example")
    assert known.caller(elsewhere).raw_id == "sip:who@example"
