"""A token as a password: under every name of its user, while it is good, and over a restart."""

from __future__ import annotations

import pytest

from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.identities import Identity
from strowger.calls.ports import Done
from strowger.calls.token_passwords import StoredPassword
from strowger.sip.authentication.credentials import Credential
from strowger.token_passwords import CLOCK_SET_BY_S, TOKENS_PER_USER, TokenPasswords
from tests.support.tokens import BOB, NOW, RESOURCE_ID, Mint

KEY = BOB.raw_id.lower()
NEW = Identity(f"8:acs:{RESOURCE_ID}_New-1", "dev", NOW)
END = NOW + 3_600


class Kept:
    """Keeps and answers at once, or fails."""

    def __init__(self) -> None:
        self.kept: dict[str, StoredPassword] = {}
        self.fails_with: CallError | None = None

    def save(self, password: StoredPassword, done: Done) -> None:
        if self.fails_with is None:
            self.kept.setdefault(password.token_hash, password)
        done(self.fails_with)

    def delete(self, token_hash: str, done: Done) -> None:
        self.kept.pop(token_hash, None)
        done(None)

    def load(self) -> list[StoredPassword]:
        return list(self.kept.values())


class Desk:
    def __init__(self, *, md5: bool = False, limit: int = 100) -> None:
        self.mint = Mint(BOB)
        self.mint.identities.create(NEW, lambda error: None)
        self.store = Kept()
        self.now = NOW
        self.md5 = md5
        self.limit = limit
        self.restart()

    def restart(self) -> None:
        self.passwords = TokenPasswords(
            self.store,
            self.mint.identities,
            realm="here",
            md5=self.md5,
            wall=lambda: self.now,
            names={KEY: "Bob"},
            limit=self.limit,
        )
        self.passwords.restore()

    async def keep(self, token: str, identity: Identity = BOB, ends: float = END, scope: str = "voip") -> None:
        current = self.mint.identities.find(identity.raw_id)
        assert current is not None
        await self.passwords.keep(current, token, (scope,), ends)

    def found(self, name: str = "bob", raw_id: str | None = KEY) -> list[Credential]:
        return self.passwords.find(raw_id, name)


@pytest.mark.parametrize("name", ["Bob", "bob", BOB.raw_id])
@pytest.mark.asyncio
async def test_a_token_is_good_under_each_name_of_its_user(name: str) -> None:
    desk = Desk(md5=True)
    await desk.keep("t1")
    assert desk.found(name) == [Credential.of_password(name, "here", "t1", md5=True)]
    assert desk.found("eve") == desk.found(name, None) == desk.found(name, "8:acs:x_y") == []


@pytest.mark.asyncio
async def test_a_user_that_an_application_created_has_no_name_but_its_id() -> None:
    desk = Desk()
    await desk.keep("t1", NEW)
    for name in ("New-1", "new-1", NEW.raw_id, NEW.raw_id.lower()):
        assert desk.found(name, NEW.raw_id.lower()) == [Credential.of_password(name, "here", "t1")]


@pytest.mark.asyncio
async def test_only_the_latest_tokens_are_good_and_the_others_are_forgotten() -> None:
    desk = Desk()
    for number in range(TOKENS_PER_USER + 2):
        await desk.keep(f"t{number}")
        await desk.keep(f"t{number}")  # the same token is one
    expected = [Credential.of_password("bob", "here", f"t{number}") for number in range(2, TOKENS_PER_USER + 2)]
    assert desk.found() == expected
    assert len(desk.store.kept) == len(desk.passwords) == TOKENS_PER_USER


@pytest.mark.asyncio
async def test_there_are_never_more_than_there_may_be() -> None:
    desk = Desk(limit=2)
    await desk.keep("t1")
    await desk.keep("t2", NEW)
    await desk.keep("t3", NEW)
    assert (desk.found(), len(desk.passwords), len(desk.store.kept)) == ([], 2, 2)


@pytest.mark.asyncio
async def test_a_resource_with_many_takes_no_place_of_another() -> None:
    desk = Desk(limit=3)
    far = Identity("8:acs:far_1", "far", NOW)
    desk.mint.identities.create(far, lambda error: None)
    await desk.keep("far", far)
    for number in range(3):
        await desk.keep(f"t{number}", NEW if number % 2 else BOB)
    assert len(desk.found("1", far.raw_id)) == 1
    assert desk.found() == [Credential.of_password("bob", "here", "t2")]
    assert len(desk.passwords) == len(desk.store.kept) == 3
    for number in range(3):
        await desk.keep(f"more{number}", far)
    assert len(desk.found("1", far.raw_id)) == 2
    assert len(desk.passwords) == len(desk.store.kept) == 3


@pytest.mark.asyncio
async def test_a_token_without_voip_is_no_password() -> None:
    desk = Desk()
    await desk.keep("t1", scope="chat")
    assert (desk.found(), desk.store.kept) == ([], {})


@pytest.mark.asyncio
async def test_a_password_ends_with_its_token() -> None:
    desk = Desk()
    await desk.keep("t1")
    await desk.keep("t2", ends=END + 1)
    desk.now = END
    assert len(desk.found()) == 2
    desk.now = END + 0.5
    assert desk.found() == [Credential.of_password("bob", "here", "t2")]
    desk.now = END + CLOCK_SET_BY_S + 0.5
    desk.passwords.prune()
    assert len(desk.store.kept) == len(desk.passwords) == 1


@pytest.mark.asyncio
async def test_a_clock_that_is_set_forward_an_hour_and_back_ends_no_password() -> None:
    desk = Desk()
    await desk.keep("t1")
    desk.now = END + 3_600
    assert desk.found() == []
    desk.passwords.prune()
    desk.restart()
    desk.now = NOW + 60
    assert desk.found() == [Credential.of_password("bob", "here", "t1")]


@pytest.mark.asyncio
async def test_a_password_ends_with_the_revocation_whatever_the_clock_says() -> None:
    desk = Desk()
    await desk.keep("old")
    desk.mint.revoke(BOB, NOW - 7_200)
    assert desk.found() == []
    await desk.keep("new")
    assert desk.found() == [Credential.of_password("bob", "here", "new")]
    desk.restart()
    assert desk.found() == [Credential.of_password("bob", "here", "new")]
    desk.passwords.prune()
    assert len(desk.store.kept) == 1


@pytest.mark.asyncio
async def test_a_password_ends_with_its_identity() -> None:
    desk = Desk()
    await desk.keep("t1", NEW)
    desk.mint.identities.delete(NEW.raw_id, "dev", lambda error: None)
    assert desk.found("new-1", NEW.raw_id.lower()) == []
    desk.passwords.prune()
    assert desk.store.kept == {}


@pytest.mark.asyncio
async def test_what_is_not_durable_is_no_password() -> None:
    desk = Desk()
    desk.store.fails_with = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        await desk.keep("t1")
    assert (desk.found(), len(desk.passwords)) == ([], 0)
