"""What the SIP side of a server tells of itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from strowger.base.clock import VirtualClock
from strowger.calls.bindings import StoredBindings
from strowger.console.sip_views import TrunkView
from strowger.sip.flow import Flow
from strowger.sip.registrar.binding import Binding, encode_bindings
from strowger.sip.registration import Registration
from strowger.sip.trunk.health import HealthPolicy
from strowger.sip.trunk.roster import Entry, Roster
from strowger.sip.trunk.selection import Selection
from strowger.sip.trunk.trunk import Trunk
from strowger.sip.trunk_care import RegistrationState, TrunkState
from strowger.sip_inspection import NOBODY, NOBODY_MAY, SipInspection
from tests.support.registrar import NOW, a_binding
from tests.unit.sip.registrar.test_location_service import HandStore
from tests.unit.sip.test_registration import BOB_ID, Desk

TRUNKS = [Trunk("a", "sip:a.test", priority=5, weight=7), Trunk("b", "sip:b.test")]
NAMES = {BOB_ID: "Bob", "8:acs:r1_ANN": "ann", "8:acs:r1_guest": "guest"}


def a_state(name: str, **changes: object) -> TrunkState:
    values: dict[str, object] = {
        "uri": f"sip:{name}.test",
        "state": "up",
        "is_usable": True,
        "is_asked": True,
        "why": "it answered 200 to OPTIONS",
        "since": NOW,
        "registration": None,
    }
    return TrunkState(name, **(values | changes))  # type: ignore[arg-type] # the caller names fields


class TrunkBench:
    """Two trunks that are as the test says; three calls ring through the first."""

    def __init__(self, clock: VirtualClock, registration: Registration | None = None) -> None:
        self.clock = clock
        self.registration = registration or Desk().registration
        self.roster = Roster([Entry(trunk.name, HealthPolicy()) for trunk in TRUNKS], 0.0, lambda: 0.0)
        self.with_password = {BOB_ID, "8:acs:r1_ann"}
        self.states = [a_state("a"), a_state("b")]

    def inspection(self) -> SipInspection:
        care: Any = SimpleNamespace(states=lambda: self.states)
        selection, elsewhere = Selection(TRUNKS, [], self.roster), cast("Any", None)
        users, ringing = self.with_password, lambda: {"a": 3}
        return SipInspection(self.clock, self.registration, NAMES, users, care, selection, elsewhere, ringing)


def measured(inspection: SipInspection) -> dict[tuple[str, ...], float]:
    return {(sample.name, *dict(sample.labels).values()): sample.value for sample in inspection.samples()}


def an_inspection(**phones: list[Binding]) -> SipInspection:
    stored = [StoredBindings(f"8:acs:r1_{name}", encode_bindings(bound), NOW + 9_999) for name, bound in phones.items()]
    registration = Desk(HandStore(*stored)).registration
    registration.restore()
    return TrunkBench(VirtualClock(), registration).inspection()


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
    bench = TrunkBench(VirtualClock())
    bench.with_password = set()
    found = bench.inspection().registrations("")
    assert found is not None
    assert found.note == NOBODY_MAY


def test_a_user_that_does_not_exist() -> None:
    assert an_inspection(bob=[a_binding()]).registrations("ghost") is None


def test_measurements() -> None:
    inspection = an_inspection(bob=[a_binding("sip:a@a"), a_binding("sip:b@a")], ann=[a_binding()])
    assert measured(inspection) == {
        ("strowger_registrations",): 3,
        ("strowger_registered_users",): 2,
        ("strowger_trunk_up", "a"): 1,
        ("strowger_trunk_calls_ringing", "a"): 3,
        ("strowger_trunk_up", "b"): 1,
        ("strowger_trunk_calls_ringing", "b"): 0,
    }


def test_how_the_trunks_are() -> None:
    clock = VirtualClock()
    bench = TrunkBench(clock)
    there = RegistrationState("registered", "it registered us", True, clock.wall() + 60)
    not_there = RegistrationState("refused", "it answered 403", False, clock.wall() - 1)
    bench.states = [
        a_state("a", registration=there),
        a_state("b", state="held", is_usable=False, registration=not_there),
    ]
    bench.roster["b"].call_answered(503, 20.0, 0.0)
    clock.advance(5.0)
    inspection = bench.inspection()
    first, second = inspection.trunks().trunks
    assert first == TrunkView(
        name="a",
        uri="sip:a.test",
        priority=5,
        weight=7,
        state="up",
        is_asked=True,
        why="it answered 200 to OPTIONS",
        since="2026-01-01T00:00:00.000Z",
        held_for_s=0,
        registration="registered",
        registration_why="it registered us",
        registered_for_s=55,
        calls=3,
    )
    assert (second.state, second.held_for_s, second.calls) == ("held", 15, 0)
    assert (second.registration, second.registration_why, second.registered_for_s) == ("refused", "it answered 403", 0)
    values = measured(inspection)
    assert (values["strowger_trunk_up", "a"], values["strowger_trunk_up", "b"]) == (1, 0)
    assert (values["strowger_trunk_registered", "a"], values["strowger_trunk_registered", "b"]) == (1, 0)


def test_a_trunk_that_we_do_not_register_with() -> None:
    first, _ = TrunkBench(VirtualClock()).inspection().trunks().trunks
    assert (first.registration, first.registration_why, first.registered_for_s) == ("", "", 0)
