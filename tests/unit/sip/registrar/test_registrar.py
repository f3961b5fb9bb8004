"""REGISTER by REGISTER: what is answered and what is bound afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger.sip.flow import Flow
from strowger.sip.message.check import check_request
from strowger.sip.message.message import Request, parse_message
from strowger.sip.registrar.limits import Limits
from strowger.sip.registrar.registrar import USER_AGENT_CHARACTERS, live, next_expiry, register, sip_date
from tests.support.registrar import BOB, FLOW, NOW, a_binding, a_register

DATE = ("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
DESK, SOFT = "<sip:bob@192.0.2.7>", "<sip:bob@192.0.2.8:5070;transport=tcp>"
INSTANCE = '+sip.instance="<urn:uuid:1>"'
OUTBOUND = ("Supported: path, outbound",)
TORTURE = Path(__file__).parents[3] / "conformance/sip/rfc4475"


def contacts(outcome):
    return [binding.contact for binding in outcome.bindings]


def values(outcome, name):
    return [value for each, value in outcome.headers if each == name]


def test_the_first_registration():
    outcome = register((), a_register(DESK, headers=["User-Agent: Phone/1"]), FLOW, NOW)
    binding = a_binding(user_agent="Phone/1")
    assert (outcome.status, outcome.reason) == (200, "OK")
    assert outcome.headers == (("Contact", "<sip:bob@192.0.2.7>;expires=3600"), DATE)
    assert outcome.bindings == outcome.added == (binding,)
    assert outcome.is_changed


def test_several_contacts_with_their_own_times_and_preferences():
    request = a_register(
        f"{DESK};q=0.5, {SOFT};expires=120;q=1", "sip:bob@192.0.2.9;expires=7200", headers=["Expires: 600"]
    )
    outcome = register((), request, FLOW, NOW)
    assert values(outcome, "Contact") == [
        "<sip:bob@192.0.2.7>;expires=600;q=0.5",
        "<sip:bob@192.0.2.8:5070;transport=tcp>;expires=120",
        "<sip:bob@192.0.2.9>;expires=3600",
    ]
    assert [binding.q for binding in outcome.bindings] == [500, 1_000, 1_000]


def test_a_fetch_changes_nothing():
    before = (a_binding(), a_binding("sip:bob@old", expires_at=NOW))
    outcome = register(before, a_register(), FLOW, NOW)
    assert values(outcome, "Contact") == ["<sip:bob@192.0.2.7>;expires=3600"]
    assert (outcome.is_changed, outcome.added) == (False, ())
    assert register((), a_register(), FLOW, NOW).headers == (DATE,)


def test_a_refresh_replaces_the_binding_in_its_place():
    before = (a_binding(), a_binding("sip:bob@192.0.2.9"))
    other = Flow("UDP", "198.51.100.1", 40_000, 0)
    request = a_register("<sip:bob@192.0.2.7;x=y>;expires=60;q=0.1", cseq=2)
    outcome = register(before, request, other, NOW + 10)
    assert outcome.bindings == (
        a_binding("sip:bob@192.0.2.7;x=y", expires_at=NOW + 70, cseq=2, flow=other, updated_at=NOW + 10, q=100),
        before[1],
    )
    assert outcome.added == outcome.bindings[:1]  # to another URI, so a call that rings has yet to go there
    assert register(before, a_register(DESK, cseq=2), other, NOW).added == ()


def test_a_new_connection_joins_a_ringing_call():
    before = (a_binding(flow=Flow("TCP", "192.0.2.7", 40_000, 0, 1)),)
    request = a_register(DESK, cseq=2)
    assert register(before, request, Flow("TCP", "192.0.2.7", 40_000, 0, 1), NOW).added == ()
    outcome = register(before, request, Flow("TCP", "192.0.2.7", 40_001, 0, 2), NOW)
    assert outcome.added == outcome.bindings


def test_removing_one_and_what_is_not_there():
    before = (a_binding(), a_binding("sip:bob@192.0.2.9"))
    outcome = register(before, a_register(f"{DESK};expires=0, <sip:nobody@h>;expires=0", cseq=2), FLOW, NOW)
    assert contacts(outcome) == ["sip:bob@192.0.2.9"]
    assert outcome.is_changed
    assert register((), a_register(DESK, headers=["Expires: 0"]), FLOW, NOW).is_changed is False


def test_removing_all():
    before = (a_binding(), a_binding("sip:bob@192.0.2.9", call_id="c2", cseq=99))
    outcome = register(before, a_register("*", headers=["Expires: 0"], cseq=2), FLOW, NOW)
    assert (outcome.status, outcome.bindings, outcome.headers) == (200, (), (DATE,))


@pytest.mark.parametrize(
    ("values", "headers"),
    [
        (("*",), ()),
        (("*",), ("Expires: 1",)),
        (("*",), ("Expires: zero",)),
        (("*", DESK), ("Expires: 0",)),
        (("*", "*"), ("Expires: 0",)),
    ],
)
def test_the_asterisk_stands_alone_with_zero(values, headers):
    before = (a_binding(),)
    outcome = register(before, a_register(*values, headers=headers, cseq=2), FLOW, NOW)
    assert (outcome.status, outcome.bindings, outcome.is_changed) == (400, before, False)


@pytest.mark.parametrize(
    ("call_id", "cseq", "status", "changed"),
    [("c1", 6, 200, True), ("c1", 5, 200, False), ("c1", 4, 400, False), ("c2", 1, 200, True), ("c2", 5, 200, True)],
)
@pytest.mark.parametrize("expires", [0, 600])
def test_only_what_comes_later_counts(call_id, cseq, status, changed, expires):
    before = (a_binding(cseq=5),)
    outcome = register(before, a_register(f"{DESK};expires={expires}", call_id=call_id, cseq=cseq), FLOW, NOW)
    assert (outcome.status, outcome.is_changed) == (status, changed)
    if not changed:
        assert outcome.bindings == before


@pytest.mark.parametrize(
    ("call_id", "cseq", "status"), [("c1", 6, 200), ("c1", 5, 400), ("c1", 4, 400), ("c2", 1, 200)]
)
def test_the_asterisk_must_be_later_than_each_binding(call_id, cseq, status):
    before = (a_binding(cseq=5), a_binding("sip:bob@192.0.2.9", call_id="c9", cseq=99))
    outcome = register(before, a_register("*", headers=["Expires: 0"], call_id=call_id, cseq=cseq), FLOW, NOW)
    assert outcome.status == status
    assert outcome.bindings == (() if status == 200 else before)


def test_all_or_nothing():
    before = (a_binding(cseq=5, call_id="c1"),)
    late = register(before, a_register(SOFT, DESK, cseq=4), FLOW, NOW)
    brief = register(before, a_register(SOFT, f"{DESK};expires=59", cseq=6), FLOW, NOW)
    wrong = register(before, a_register(SOFT, "<name:John_Smith>", cseq=6), FLOW, NOW)
    assert [outcome.status for outcome in (late, brief, wrong)] == [400, 423, 400]
    assert all(outcome.bindings == before and not outcome.is_changed for outcome in (late, brief, wrong))


@pytest.mark.parametrize(("expires", "status"), [(0, 200), (1, 423), (59, 423), (60, 200)])
def test_too_brief(expires, status):
    outcome = register((), a_register(f"{DESK};expires={expires}"), FLOW, NOW)
    assert outcome.status == status
    assert values(outcome, "Min-Expires") == (["60"] if status == 423 else [])


def test_a_contact_given_twice_is_one():
    assert contacts(register((), a_register(DESK, f"{DESK};q=0.1"), FLOW, NOW)) == [BOB]


def test_the_number_of_contacts_is_bounded():
    limits = Limits(contacts=2)
    two = register((), a_register(DESK, SOFT), FLOW, NOW, limits)
    assert two.status == 200
    three = register(two.bindings, a_register("<sip:bob@third>", cseq=2), FLOW, NOW, limits)
    assert (three.status, three.reason, three.bindings) == (403, "Too Many Contacts", two.bindings)
    assert register(two.bindings, a_register(DESK, cseq=2), FLOW, NOW, limits).status == 200
    swapped = register(two.bindings, a_register("<sip:bob@third>", f"{DESK};expires=0", cseq=2), FLOW, NOW, limits)
    assert contacts(swapped) == ["sip:bob@192.0.2.8:5070;transport=tcp", "sip:bob@third"]
    assert register(two.bindings, a_register(DESK, cseq=2), FLOW, NOW, Limits(contacts=1)).status == 200
    later = register(two.bindings, a_register("<sip:bob@third>", cseq=2), FLOW, NOW + 3_600, limits)
    assert contacts(later) == ["sip:bob@third"]


@pytest.mark.parametrize(
    ("headers", "unsupported"),
    [
        (("Require: gruu, path",), "gruu"),
        (("Require: a", "Require: b"), "a, b"),
        (("Path: <sip:p1;lr>",), "path"),
    ],
)
def test_extensions_that_are_not_understood(headers, unsupported):
    outcome = register((), a_register(DESK, headers=headers), FLOW, NOW)
    assert (outcome.status, outcome.headers) == (420, (("Unsupported", unsupported),))


class TestPath:
    def test_it_is_stored_and_told(self):
        headers = ["Path: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>", "Path: <sip:p3;lr>", "Supported: path"]
        outcome = register((), a_register(DESK, headers=headers), FLOW, NOW)
        path = ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>", "<sip:p3;lr>")
        assert outcome.bindings[0].path == path
        assert values(outcome, "Path") == list(path)

    def test_without_support_only_where_the_policy_says_so(self):
        request = a_register(DESK, headers=["Path: <sip:p1;lr>"])
        outcome = register((), request, FLOW, NOW, Limits(requires_path_support=False))
        assert (outcome.status, outcome.bindings[0].path, values(outcome, "Path")) == (200, ("<sip:p1;lr>",), [])

    @pytest.mark.parametrize("value", ["<name:x>", "<sip:p1", "<tel:1>"])
    def test_what_leads_nowhere_is_refused(self, value):
        outcome = register((), a_register(DESK, headers=["Supported: path", f"Path: {value}"]), FLOW, NOW)
        assert (outcome.status, outcome.bindings) == (400, ())

    def test_its_length_is_bounded(self):
        limits = Limits(path_values=2)
        for count, status in ((2, 200), (3, 400)):
            headers = ["Supported: path", "Path: " + ", ".join(f"<sip:p{n};lr>" for n in range(count))]
            assert register((), a_register(DESK, headers=headers), FLOW, NOW, limits).status == status


class TestOutbound:
    def test_a_flow_is_bound_and_told(self):
        request = a_register(f"<sip:x@a.invalid;transport=ws>;reg-id=1;{INSTANCE};expires=600", headers=OUTBOUND)
        outcome = register((), request, FLOW, NOW)
        assert outcome.headers == (
            ("Contact", f"<sip:x@a.invalid;transport=ws>;expires=600;reg-id=1;{INSTANCE}"),
            ("Require", "outbound"),
            ("Flow-Timer", "120"),
            DATE,
        )
        assert (outcome.bindings[0].instance, outcome.bindings[0].reg_id) == ("<urn:uuid:1>", 1)

    def test_no_timer_is_told_when_there_is_none(self):
        request = a_register(f"{DESK};reg-id=1;{INSTANCE}", headers=OUTBOUND)
        assert values(register((), request, FLOW, NOW, Limits(flow_timer_s=0)), "Flow-Timer") == []

    def test_the_same_flow_of_the_same_instance_is_one_binding_whatever_its_contact(self):
        before = (a_binding(), a_binding("sip:x@a.invalid", instance="<urn:uuid:1>", reg_id=1))
        request = a_register(f"<sip:y@b.invalid>;reg-id=1;{INSTANCE}", headers=OUTBOUND, call_id="c2")
        outcome = register(before, request, FLOW, NOW)
        assert contacts(outcome) == [BOB, "sip:y@b.invalid"]
        assert outcome.added == outcome.bindings[1:]

    def test_another_flow_of_the_instance_is_another_binding_even_with_the_same_contact(self):
        before = (a_binding("sip:x@a.invalid", instance="<urn:uuid:1>", reg_id=1),)
        request = a_register(f"<sip:x@a.invalid>;reg-id=2;{INSTANCE}", headers=OUTBOUND, call_id="c2")
        assert [binding.reg_id for binding in register(before, request, FLOW, NOW).bindings] == [1, 2]

    def test_a_phone_that_learned_outbound_replaces_its_own_binding(self):
        before = (a_binding("sip:x@a.invalid"),)
        request = a_register(f"<sip:x@a.invalid>;reg-id=1;{INSTANCE}", headers=OUTBOUND, call_id="c2")
        assert [binding.reg_id for binding in register(before, request, FLOW, NOW).bindings] == [1]

    @pytest.mark.parametrize(
        ("contact", "headers"),
        [
            (f"{DESK};reg-id=1;{INSTANCE}", ()),
            (f"{DESK};reg-id=1", OUTBOUND),
            (f"{DESK};{INSTANCE}", OUTBOUND),
        ],
    )
    def test_without_all_three_it_is_a_plain_binding(self, contact, headers):
        outcome = register((a_binding(),), a_register(contact, headers=headers, cseq=2), FLOW, NOW)
        assert (len(outcome.bindings), outcome.bindings[0].reg_id) == (1, 0)
        assert values(outcome, "Require") == []

    def test_removing_a_flow_asks_for_nothing_more(self):
        before = (a_binding(instance="<urn:uuid:1>", reg_id=1),)
        request = a_register(f"{DESK};reg-id=1;{INSTANCE};expires=0", headers=OUTBOUND, cseq=2, vias=2)
        outcome = register(before, request, FLOW, NOW)
        assert (outcome.status, outcome.bindings, values(outcome, "Require")) == (200, (), [])

    def test_one_flow_at_a_time(self):
        request = a_register(f"{DESK};reg-id=1;{INSTANCE}", f"{SOFT};reg-id=2;{INSTANCE}", headers=OUTBOUND)
        assert register((), request, FLOW, NOW).status == 400

    @pytest.mark.parametrize(
        ("vias", "path", "status"),
        [
            (1, (), 200),
            (2, (), 439),
            (2, ("Path: <sip:edge;lr>",), 439),
            (2, ("Path: <sip:edge;lr;ob>",), 200),
            (3, ("Path: <sip:inner;lr>, <sip:edge;lr;ob>",), 200),
            (3, ("Path: <sip:inner;lr;ob>, <sip:edge;lr>",), 439),
        ],
    )
    def test_the_first_proxy_must_keep_the_flow(self, vias, path, status):
        request = a_register(f"{DESK};reg-id=1;{INSTANCE}", headers=(*OUTBOUND, *path), vias=vias)
        assert register((), request, FLOW, NOW).status == status


@pytest.mark.parametrize(("file", "status"), [("regescrt", 200), ("cparam01", 200), ("cparam02", 200), ("unksm2", 400)])
def test_rfc_4475(file, status):
    request = parse_message((TORTURE / f"{file}.dat").read_bytes())
    assert isinstance(request, Request)
    check_request(request)
    outcome = register((), request, FLOW, NOW)
    assert outcome.status == status
    if file == "regescrt":
        assert values(outcome, "Contact") == ["<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=3600"]


def test_a_user_agent_is_kept_as_far_as_it_goes():
    request = a_register(DESK, headers=["User-Agent: " + "x" * 500])
    assert len(register((), request, FLOW, NOW).bindings[0].user_agent) == USER_AGENT_CHARACTERS


def test_living_and_next_expiry():
    bindings = (
        a_binding(expires_at=NOW),
        a_binding("sip:b@h", expires_at=NOW + 2),
        a_binding("sip:c@h", expires_at=NOW + 1),
    )
    assert live(bindings, NOW) == bindings[1:]
    assert next_expiry(bindings[1:]) == NOW + 1
    assert next_expiry(()) is None


def test_the_date_is_in_english_whatever_the_locale():
    assert sip_date(1_798_761_599.9) == "Thu, 31 Dec 2026 23:59:59 GMT"
