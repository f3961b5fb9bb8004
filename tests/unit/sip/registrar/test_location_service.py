"""Registrations on their way to a store that answers when it is told to."""

from __future__ import annotations

from strowger.calls.bindings import StoredBindings
from strowger.calls.errors import StoreUnavailable
from strowger.calls.ports import Done
from strowger.sip.flow import Flow
from strowger.sip.message.uri import SipUri
from strowger.sip.registrar import location_service
from strowger.sip.registrar.binding import decode_bindings, encode_bindings
from strowger.sip.registrar.limits import Limits
from strowger.sip.registrar.location_service import LocationService
from strowger.sip.registrar.registrar import Outcome
from tests.support.registrar import BOB, FLOW, NOW, a_binding, a_register

DESK = "<sip:bob@192.0.2.7>"
FAULT = StoreUnavailable("no disk")
TCP = Flow("TCP", "192.0.2.7", 40_000, 0, 5)


class HandStore:
    """A BindingStore that is told what becomes of each change."""

    def __init__(self, *kept: StoredBindings) -> None:
        self.kept = {stored.aor: stored for stored in kept}
        self.waiting: list[tuple[StoredBindings, Done]] = []

    def save(self, stored, done):
        self.waiting.append((stored, done))

    def load(self, now):
        return [stored for stored in self.kept.values() if stored.expires_at > now]

    def prune(self, now):
        raise AssertionError("not the registrar's business")

    def settle(self, *errors):
        for error in errors or [None] * len(self.waiting):
            stored, done = self.waiting.pop(0)
            if error is None:
                self.kept[stored.aor] = stored
            done(error)


class Desk:
    """A location service, its store, and the answers so far."""

    def __init__(self, *kept: StoredBindings, limits: Limits | None = None) -> None:
        self.store = HandStore(*kept)
        self.service = LocationService(self.store, limits)
        self.answers: list[Outcome] = []

    def register(self, *contacts, aor="bob", flow=FLOW, now=NOW, **request):
        self.service.register(aor, a_register(*contacts, **request), flow, now, self.answers.append)

    def statuses(self):
        return [outcome.status for outcome in self.answers]

    def bound(self, now=NOW, aor="bob"):
        return [binding.contact for binding in self.service.bindings(aor, now)]


def test_the_answer_waits_for_the_store_and_ringing_does_not():
    desk = Desk()
    desk.register(DESK)
    assert desk.answers == []
    assert [target.uri for target in desk.service.targets("bob", NOW)] == [BOB]
    desk.store.settle()
    assert desk.statuses() == [200]
    assert decode_bindings(desk.store.kept["bob"].encoded) == (a_binding(),)
    assert desk.store.kept["bob"].expires_at == NOW + 3_600


def test_what_changes_nothing_is_answered_at_once():
    desk = Desk()
    desk.register()
    desk.register(f"{DESK};expires=1")
    desk.register("<name:x>")
    assert desk.statuses() == [200, 423, 400]
    assert desk.store.waiting == []
    assert len(desk.service) == 0


def test_a_store_that_fails_takes_memory_back():
    desk = Desk()
    desk.register(DESK)
    desk.store.settle(FAULT)
    (outcome,) = desk.answers
    assert (outcome.status, outcome.headers, outcome.bindings) == (500, (("Retry-After", "5"),), ())
    assert desk.bound() == []
    assert desk.service.next_deadline() is None


def test_a_change_that_fails_leaves_what_was_stored_before():
    desk = Desk()
    desk.register(DESK)
    desk.store.settle()
    desk.register("<sip:bob@two>", cseq=2)
    desk.register("*", headers=["Expires: 0"], cseq=3)
    assert desk.bound() == []
    desk.store.settle(None, FAULT)
    assert desk.bound() == [BOB, "sip:bob@two"]
    assert desk.statuses() == [200, 200, 500]


def test_what_a_later_change_carried_is_stored_with_it():
    desk = Desk()
    desk.register(DESK)
    desk.register("<sip:bob@two>", cseq=2)
    desk.store.settle(FAULT, None)
    assert desk.statuses() == [500, 200]
    assert desk.bound() == [BOB, "sip:bob@two"]


def test_addresses_do_not_meddle():
    desk = Desk()
    desk.register(DESK, aor="bob")
    desk.register(DESK, aor="alice")
    desk.store.settle(FAULT, None)
    assert (desk.bound(), desk.bound(aor="alice")) == ([], [BOB])
    assert [aor for aor, _ in desk.service.all(NOW)] == ["alice"]


def test_an_empty_address_is_removed_from_the_store():
    desk = Desk()
    desk.register(DESK)
    desk.register(f"{DESK};expires=0", cseq=2)
    assert desk.store.waiting[1][0] == StoredBindings("bob", b"", 0.0)
    desk.store.settle()
    assert len(desk.service) == 0


def test_bindings_expire_one_by_one():
    desk = Desk()
    desk.register(f"{DESK};expires=60", "<sip:bob@two>;expires=120")
    desk.store.settle()
    assert desk.service.next_deadline() == NOW + 60
    assert desk.bound(NOW + 59.9) == [BOB, "sip:bob@two"]
    assert desk.bound(NOW + 60) == ["sip:bob@two"]
    assert desk.service.advance(NOW + 59.9) == []
    assert desk.service.advance(NOW + 60) == ["bob"]
    assert desk.service.next_deadline() == NOW + 120
    assert desk.service.advance(NOW + 120) == ["bob"]
    assert (len(desk.service), desk.service.next_deadline()) == (0, None)
    assert list(desk.service.all(NOW)) == []


def test_a_refresh_moves_the_deadline():
    desk = Desk()
    desk.register(DESK)
    desk.register(DESK, cseq=2, now=NOW + 1_000)
    assert desk.service.next_deadline() == NOW + 4_600


def test_after_a_restart_everybody_is_where_he_was():
    old = a_binding("sip:old@h", expires_at=NOW)
    kept = [
        StoredBindings("bob", encode_bindings((a_binding(expires_at=NOW + 1), old)), NOW + 1),
        StoredBindings("carol", encode_bindings((a_binding("sip:carol@h", expires_at=NOW),)), NOW),
        StoredBindings("broken", b"{", NOW + 5),
    ]
    desk = Desk(*kept)
    assert desk.service.restore(NOW) == ["broken"]
    assert (desk.bound(), desk.bound(aor="carol")) == ([BOB], [])
    assert desk.service.next_deadline() == NOW + 1
    assert desk.store.waiting == []


def test_a_connection_that_is_gone_takes_what_needs_it():
    desk = Desk()
    instance = '+sip.instance="<urn:uuid:1>"'
    desk.register(f"<sip:x@a.invalid;ob>;reg-id=1;{instance}", headers=["Supported: outbound"], flow=TCP)
    desk.register("<sip:bob@192.0.2.7;transport=tcp>", call_id="c2", flow=TCP)
    desk.register("<sip:bob@two;ob>", call_id="c3", flow=TCP._replace(connection=6))
    desk.store.settle()
    assert desk.service.flow_failed(FLOW, NOW) == []
    assert desk.service.flow_failed(TCP._replace(connection=99), NOW) == []
    assert desk.service.flow_failed(TCP, NOW) == ["bob"]
    assert desk.bound() == ["sip:bob@192.0.2.7;transport=tcp", "sip:bob@two;ob"]
    (stored, done) = desk.store.waiting[0]
    assert len(decode_bindings(stored.encoded)) == 2
    done(FAULT)
    assert desk.service.flow_failed(TCP, NOW) == []
    assert desk.service.flow_failed(TCP._replace(connection=6), NOW) == ["bob"]


MOVING = SipUri.parse("sip:bob@192.0.2.7;transport=tcp;ob")
"""As a phone writes its contact in a call."""


def test_a_phone_that_came_back_by_another_connection_is_found_by_its_former_one():
    desk = Desk()
    desk.register("<sip:bob@192.0.2.7;transport=tcp>", flow=TCP)
    assert desk.service.flow_since(TCP, MOVING, NOW) is None
    now = TCP._replace(connection=6)
    desk.register("<sip:bob@192.0.2.7;transport=tcp>", flow=now, cseq=2)
    assert desk.service.flow_since(TCP, MOVING, NOW) == now
    assert desk.service.flow_since(TCP._replace(connection=9), MOVING, NOW) is None
    assert desk.service.flow_since(TCP, SipUri.parse("sip:ann@192.0.2.7"), NOW) is None
    assert desk.service.flow_since(TCP, SipUri.parse("sip:bob@192.0.2.7:5062"), NOW) is None
    assert desk.service.flow_since(TCP, MOVING, NOW + 3_601) is None


def test_it_is_found_after_a_restart_and_after_its_connection_was_lost():
    restarted = Desk(StoredBindings("bob", encode_bindings([a_binding(flow=TCP)]), NOW + 3_600))
    restarted.service.restore(NOW)
    lost = Desk()
    lost.register("<sip:bob@192.0.2.7;ob>", flow=TCP)
    assert lost.service.flow_failed(TCP, NOW) == ["bob"]
    for desk in (restarted, lost):
        assert desk.service.flow_since(TCP, MOVING, NOW) is None
        desk.register(DESK, aor="ann", flow=TCP._replace(connection=7))  # the phone of another user
        assert desk.service.flow_since(TCP, MOVING, NOW) is None
        desk.register(DESK, call_id="again", flow=TCP._replace(connection=8))
        assert desk.service.flow_since(TCP, MOVING, NOW) == TCP._replace(connection=8)


def test_of_too_many_former_connections_the_first_is_forgotten(monkeypatch):
    monkeypatch.setattr(location_service, "FLOWS_REMEMBERED", 2)
    desk = Desk()
    for cseq, connection in enumerate((5, 6, 7, 8)):
        desk.register(DESK, flow=TCP._replace(connection=connection), cseq=cseq)
    found = [desk.service.flow_since(TCP._replace(connection=each), MOVING, NOW) for each in (5, 6, 7)]
    assert found == [None, *[TCP._replace(connection=8)] * 2]


def test_limits_are_passed_on():
    desk = Desk(limits=Limits(contacts=1))
    desk.register(DESK, "<sip:bob@two>")
    assert desk.statuses() == [403]


def test_whose_phones_are_forgotten_has_none_whatever_becomes_of_a_change_under_way():
    desk = Desk()
    desk.register(DESK)
    desk.store.settle()
    desk.register("<sip:bob@192.0.2.8>", cseq=2)
    desk.service.forget("bob")
    desk.service.forget("nobody")
    assert (desk.bound(), desk.service.next_deadline()) == ([], None)
    desk.store.settle(FAULT, None)
    assert (desk.statuses(), desk.bound(), desk.store.kept["bob"].encoded) == ([200, 500], [], b"")
