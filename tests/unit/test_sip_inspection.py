"""What the SIP side of a server tells of itself."""

from __future__ import annotations

import pytest

from strowger.calls.bindings import StoredBindings
from strowger.sip.flow import Flow
from strowger.sip.registrar.binding import Binding, encode_bindings
from strowger.sip_inspection import NOBODY, NOBODY_MAY, SipInspection
from tests.support.registrar import NOW, a_binding
from tests.unit.sip.registrar.test_location_service import HandStore
from tests.unit.sip.test_registration import BOB_ID, Desk

NAMES = {BOB_ID: "Bob", "8:acs:r1_ANN": "ann", "8:acs:r1_guest": "guest"}


def an_inspection(**phones: list[Binding]) -> SipInspection:
    stored = [StoredBindings(f"8:acs:r1_{name}", encode_bindings(bound), NOW + 9_999) for name, bound in phones.items()]
    registration = Desk(HandStore(*stored)).registration
    registration.restore()
    return SipInspection(registration, NAMES, lambda: NOW)


def test_a_phone_with_everything() -> None:
    desk = a_binding(
        "sip:bob@fx.invalid;transport=ws",
        expires_at=NOW + 59.6,
        flow=Flow("WS", "2001:db8::7", 40_000, 0, 3),
        q=250,
        path=("<sip:edge.test;lr>",),
        instance="<urn:uuid:1>",
        user_agent="Telefön".encode().decode("latin-1"),
    )
    found = an_inspection(bob=[desk]).registrations("")
    assert found is not None
    (phone,) = found.registrations
    assert (phone.user, phone.raw_id, phone.contact) == ("Bob", BOB_ID, "sip:bob@fx.invalid;transport=ws")
    assert (phone.expires_in_s, phone.q, phone.transport, phone.source) == (60, 0.25, "ws", "[2001:db8::7]:40000")
    assert (phone.is_bound_to_flow, phone.path, phone.instance) == (True, ("<sip:edge.test;lr>",), "<urn:uuid:1>")
    assert (phone.user_agent, phone.updated_at, found.note) == ("Telefön", "2026-01-01T00:00:00.000Z", "")


def test_the_preferred_phone_of_each_user_comes_first() -> None:
    inspection = an_inspection(
        bob=[a_binding("sip:c@a", q=500), a_binding("sip:b@a", q=500), a_binding("sip:d@a")], ann=[a_binding("sip:e@a")]
    )
    found = inspection.registrations("")
    assert found is not None
    assert [phone.contact for phone in found.registrations] == ["sip:d@a", "sip:b@a", "sip:c@a", "sip:e@a"]


@pytest.mark.parametrize("user", ["bob", "BOB", BOB_ID, BOB_ID.upper()])
def test_the_phones_of_one_user(user: str) -> None:
    found = an_inspection(bob=[a_binding()], ann=[a_binding()]).registrations(user)
    assert found is not None
    assert [phone.user for phone in found.registrations] == ["Bob"]


def test_what_has_expired_is_not_shown() -> None:
    found = an_inspection(bob=[a_binding(expires_at=NOW)]).registrations("")
    assert found is not None
    assert (found.registrations, found.note) == ((), NOBODY)


@pytest.mark.parametrize(
    ("user", "note"),
    [
        ("", NOBODY),
        ("bob", "No phone is registered as bob."),
        ("guest", "No phone can register as guest: its [[user]] has no password for it."),
    ],
)
def test_why_there_are_none(user: str, note: str) -> None:
    found = an_inspection().registrations(user)
    assert found is not None
    assert found.note == note


def test_nobody_may_register() -> None:
    desk = Desk()
    desk.registration._users = {}
    found = SipInspection(desk.registration, NAMES, lambda: NOW).registrations("")
    assert found is not None
    assert found.note == NOBODY_MAY


def test_a_user_that_does_not_exist() -> None:
    assert an_inspection(bob=[a_binding()]).registrations("ghost") is None


def test_measurements() -> None:
    inspection = an_inspection(bob=[a_binding("sip:a@a"), a_binding("sip:b@a")], ann=[a_binding()])
    values = {sample.name: sample.value for sample in inspection.samples()}
    assert values == {"strowger_registrations": 3, "strowger_registered_users": 2}
