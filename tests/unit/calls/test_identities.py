from __future__ import annotations

import pytest

from strowger.calls.errors import (
    IdentityOfSettings,
    IdentityUnknown,
    StoreUnavailable,
    TooManyIdentities,
)
from strowger.calls.identities import Identities, Identity
from strowger.calls.ports import Done

BOB = Identity("8:acs:r1_bob", "one", 0.0)
NEW = Identity("8:acs:r1_6d6c7a70-aaaa", "one", 100.0)
OTHER = Identity("8:acs:r1_6d6c7a70-bbbb", "one", 101.0)


class Store:
    """Keeps, answers at once or when told, and fails when told."""

    def __init__(self) -> None:
        self.kept: dict[str, Identity] = {}
        self.fails = False
        self.holds = False
        self.waiting: list[Done] = []

    def save(self, identity, done):
        self._change(done, lambda: self.kept.__setitem__(identity.raw_id, identity))

    def delete(self, raw_id, done):
        self._change(done, lambda: self.kept.pop(raw_id, None))

    def load(self):
        return list(self.kept.values())

    def _change(self, done, change):
        if self.fails:
            done(StoreUnavailable("full"))
            return
        change()
        self.waiting.append(done)
        if not self.holds:
            self.release()

    def release(self, error=None):
        waiting, self.waiting = self.waiting, []
        for done in waiting:
            done(error)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def identities(store):
    return Identities(store, users=[BOB], limit=2)


def create(identities, identity=NEW):
    answers: list[object] = []
    identities.create(identity, answers.append)
    return answers


def test_what_is_created_is_found_once_it_is_durable(identities, store):
    store.holds = True
    answers = create(identities)
    assert (identities.find(NEW.raw_id), answers) == (None, [])
    store.release()
    assert (identities.find(NEW.raw_id), answers, len(identities)) == (NEW, [None], 1)


@pytest.mark.parametrize("word", [NEW.raw_id, NEW.raw_id.upper(), "6d6c7a70-aaaa", "6D6C7A70-AAAA"])
def test_it_may_be_dialled_by_its_id_or_the_user_part_of_it(identities, word):
    create(identities)
    assert identities.created(word) == NEW


def test_users_of_the_settings_have_identities_but_were_not_created(identities):
    assert identities.find(BOB.raw_id.upper()) == BOB
    assert (identities.created("bob"), identities.created(BOB.raw_id), len(identities)) == (None, None, 0)


def test_a_store_that_fails_leaves_nothing_behind(identities, store):
    store.fails = True
    (error,) = create(identities)
    assert isinstance(error, StoreUnavailable)
    assert (identities.find(NEW.raw_id), len(identities)) == (None, 0)
    store.fails = False
    assert create(identities) == [None]


def test_no_more_than_may_be_those_on_the_way_included(identities, store):
    store.holds = True
    create(identities)
    create(identities, OTHER)
    with pytest.raises(TooManyIdentities, match=r"limits\.identities"):
        create(identities, Identity("8:acs:r1_c", "one", 1.0))
    store.release()
    with pytest.raises(TooManyIdentities):
        create(identities, Identity("8:acs:r1_c", "one", 1.0))
    identities.delete(NEW.raw_id, "one", lambda error: None)
    store.release()
    create(identities, Identity("8:acs:r1_c", "one", 1.0))


def test_a_resource_that_has_as_many_as_it_may_takes_no_place_of_another(identities, store):
    create(identities)
    create(identities, OTHER)
    far = [Identity(f"8:acs:r2_{number}", "two", 1.0) for number in range(3)]
    create(identities, far[0])
    store.fails = True
    create(identities, far[1])
    store.fails = False
    create(identities, far[1])
    with pytest.raises(TooManyIdentities):
        create(identities, far[2])
    after = Identities(store, users=[BOB], limit=2)
    after.restore()
    for identity in (far[2], Identity("8:acs:r1_c", "one", 1.0)):
        with pytest.raises(TooManyIdentities):
            create(after, identity)
    after.delete(far[0].raw_id, "two", lambda error: None)
    assert create(after, far[2]) == [None]


def test_what_is_deleted_is_gone_at_once_and_for_good(identities, store):
    create(identities)
    store.holds = True
    answers: list[object] = []
    identities.delete(NEW.raw_id.upper(), "one", answers.append)
    assert (identities.find(NEW.raw_id), identities.created("6d6c7a70-aaaa"), answers) == (None, None, [])
    store.release()
    assert (answers, store.kept) == ([None], {})


def test_what_could_not_be_deleted_is_still_there(identities, store):
    create(identities)
    store.fails = True
    answers: list[object] = []
    identities.delete(NEW.raw_id, "one", answers.append)
    assert isinstance(answers[0], StoreUnavailable)
    assert identities.created("6d6c7a70-aaaa") == NEW


@pytest.mark.parametrize("error", [None, StoreUnavailable("full")])
def test_who_deletes_it_once_more_hears_no_sooner_that_it_is_gone(identities, store, error):
    create(identities)
    store.holds = True
    answers: list[object] = []
    identities.delete(NEW.raw_id, "one", lambda told: answers.append(("first", told)))
    identities.delete(NEW.raw_id.upper(), "one", lambda told: answers.append(("again", told)))
    identities.delete(NEW.raw_id, "two", lambda told: answers.append(("another resource", told)))
    assert answers == [("another resource", None)]
    store.release(error)
    assert answers[1:] == [("first", error), ("again", error)]
    assert identities.find(NEW.raw_id) == (NEW if error else None)


@pytest.mark.parametrize(("raw_id", "resource"), [("8:acs:r1_nobody", "one"), (NEW.raw_id, "two"), (BOB.raw_id, "two")])
def test_deleting_what_is_not_there_changes_nothing(identities, raw_id, resource):
    create(identities)
    answers: list[object] = []
    identities.delete(raw_id, resource, answers.append)
    assert (answers, identities.find(NEW.raw_id), identities.find(BOB.raw_id)) == ([None], NEW, BOB)


def test_a_user_of_the_settings_is_not_deleted(identities):
    with pytest.raises(IdentityOfSettings):
        identities.delete(BOB.raw_id, "one", lambda error: None)
    assert identities.find(BOB.raw_id) == BOB


def not_before(identities, raw_id=NEW.raw_id):
    identity = identities.find(raw_id)
    assert identity is not None
    return identity.not_before


def revoke(identities, raw_id, now):
    answers: list[object] = []
    identities.revoke(raw_id, "one", now, answers.append)
    assert answers == [None]
    return not_before(identities, raw_id)


@pytest.mark.parametrize("raw_id", [NEW.raw_id, BOB.raw_id])
def test_each_revocation_counts_up_whatever_the_clock_says(identities, raw_id):
    create(identities)
    assert revoke(identities, raw_id, 500.9) == 501
    assert revoke(identities, raw_id, 500.9) == 502
    assert revoke(identities, raw_id, -3_100.0) == 503
    assert revoke(identities, raw_id, 4_100.0) == 4_101


def test_a_revocation_holds_once_it_is_durable(identities, store):
    create(identities)
    store.holds = True
    identities.revoke(NEW.raw_id, "one", 500.0, lambda error: None)
    assert not_before(identities) == 0
    store.release()
    assert not_before(identities) == 501
    store.fails = True
    answers: list[object] = []
    identities.revoke(NEW.raw_id, "one", 600.0, answers.append)
    assert isinstance(answers[0], StoreUnavailable)
    assert not_before(identities) == 501


def test_a_revocation_brings_nobody_back(identities, store):
    create(identities)
    store.holds = True
    identities.revoke(NEW.raw_id, "one", 500.0, lambda error: None)
    identities.delete(NEW.raw_id, "one", lambda error: None)
    store.release()
    assert (identities.find(NEW.raw_id), store.kept) == (None, {})


@pytest.mark.parametrize("how", ["revoke", "delete"])
def test_it_is_told_whose_tokens_are_over_once_they_are(store, how):
    ended: list[str] = []
    identities = Identities(store, users=[BOB], limit=2, ended=ended.append)
    identities.create(Identity("8:acs:r1_Carol", "one", 100.0), lambda error: None)
    store.holds = True
    for error in (StoreUnavailable("full"), None):
        if how == "revoke":
            identities.revoke("8:acs:r1_carol", "one", 500.0, lambda error: None)
        else:
            identities.delete("8:acs:r1_carol", "one", lambda error: None)
        assert ended == []
        store.release(error)
    assert ended == ["8:acs:r1_carol"]


def test_one_that_has_to_stay_after_all_keeps_the_revocation_that_came_meanwhile(identities, store):
    create(identities)
    store.holds = True
    identities.revoke(NEW.raw_id, "one", 500.0, lambda error: None)
    (revoked,), store.waiting = store.waiting, []
    identities.delete(NEW.raw_id, "one", lambda error: None)
    revoked(None)
    assert identities.find(NEW.raw_id) is None
    store.release(StoreUnavailable("full"))
    assert not_before(identities) == 501


@pytest.mark.parametrize(("raw_id", "resource"), [("8:acs:r1_nobody", "one"), (NEW.raw_id, "two"), (BOB.raw_id, "two")])
def test_what_is_of_another_resource_is_unknown(identities, raw_id, resource):
    create(identities)
    with pytest.raises(IdentityUnknown):
        identities.revoke(raw_id, resource, 1.0, lambda error: None)
    with pytest.raises(IdentityUnknown):
        identities.of_resource(raw_id, resource)


def test_a_restart_forgets_no_identity_and_no_revocation(identities, store):
    create(identities)
    revoke(identities, NEW.raw_id, 500.0)
    revoke(identities, BOB.raw_id, 500.0)
    again = Identities(store, users=[BOB], limit=2)
    again.restore()
    found = again.created("6d6c7a70-aaaa")
    assert found is not None and found.not_before == 501
    assert again.find(BOB.raw_id) == Identity(BOB.raw_id, "one", 0.0, 501)
    assert len(again) == 1


def test_a_user_that_left_the_settings_is_nobody(identities, store):
    revoke(identities, BOB.raw_id, 500.0)
    again = Identities(store)
    again.restore()
    assert again.find(BOB.raw_id) is None


# Teams users ---------------------------------------------------------------------------------------------------------

GUEST = "8:orgid:0f0e-1"


@pytest.fixture
def with_tenant(store):
    return Identities(store, users=[BOB], tenants=["one", "two"], limit=2)


def revoke_guest(identities, raw_id, now):
    told: list[object] = []
    identities.revoke(raw_id, "one", now, told.append)
    assert told == [None]


def test_a_teams_user_is_nobody_that_can_be_dialled_or_given_tokens_at_will(with_tenant):
    assert with_tenant.holder("8:ORGID:0F0E-1", "one") == Identity(GUEST, "one", 0.0)
    assert with_tenant.find(GUEST) is with_tenant.created(GUEST) is with_tenant.created("0f0e-1") is None
    with pytest.raises(IdentityUnknown):
        with_tenant.of_resource(GUEST, "one")
    assert with_tenant.holder(BOB.raw_id, "one") == BOB


@pytest.mark.parametrize("raw_id", ["8:orgid:", "8:orgid:a b", "8:orgid:a_b", "8:orgid:a:b", "8:orgid:" + "a" * 65])
def test_what_is_no_id_of_a_teams_user(with_tenant, raw_id):
    with pytest.raises(IdentityUnknown):
        with_tenant.holder(raw_id, "one")


def test_without_a_tenant_there_are_none(identities, store):
    with pytest.raises(IdentityUnknown):
        revoke(identities, GUEST, 1.0)
    identities.delete(GUEST, "one", lambda error: None)
    assert store.kept == {}


def test_a_resource_revokes_for_itself_alone_and_a_restart_forgets_nothing(with_tenant, store):
    revoke_guest(with_tenant, GUEST, 1_000.0)
    revoke_guest(with_tenant, GUEST.upper(), 10.0)
    for _ in range(2):
        assert with_tenant.holder(GUEST, "one").not_before == 1_002
        assert with_tenant.holder(GUEST, "two").not_before == 0
        assert len(store.kept) == 1
        with_tenant = Identities(store, users=[BOB], tenants=["one", "two"], limit=2)
        with_tenant.restore()
    assert len(with_tenant) == 0


def test_no_more_revocations_than_can_be_remembered(with_tenant, store):
    for number in range(2):
        revoke_guest(with_tenant, f"8:orgid:{number}", 1.0)
    with pytest.raises(TooManyIdentities):
        revoke_guest(with_tenant, "8:orgid:2", 1.0)
    revoke_guest(with_tenant, "8:orgid:1", 1.0)
    with_tenant.revoke("8:orgid:2", "two", 1.0, lambda error: None)
    create(with_tenant)
    assert len(store.kept) == 4


def test_revocations_on_the_way_count_once_each(with_tenant, store):
    store.holds = True
    for _ in range(2):
        with_tenant.revoke("8:orgid:0", "one", 1.0, lambda error: None)
    with pytest.raises(TooManyIdentities):
        with_tenant.revoke("8:orgid:1", "one", 1.0, lambda error: None)
    store.release()
    with_tenant.revoke("8:orgid:1", "one", 1.0, lambda error: None)
    store.release(StoreUnavailable("full"))
    with_tenant.revoke("8:orgid:1", "one", 1.0, lambda error: None)
    store.release()
    with pytest.raises(TooManyIdentities):
        with_tenant.revoke("8:orgid:2", "one", 1.0, lambda error: None)


def test_a_revocation_that_was_not_written_does_not_hold(with_tenant, store):
    store.fails = True
    told: list[object] = []
    with_tenant.revoke(GUEST, "one", 1.0, told.append)
    assert isinstance(told[0], StoreUnavailable)
    assert with_tenant.holder(GUEST, "one").not_before == 0
