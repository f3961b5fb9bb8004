"""Who can prove to be somebody, as the settings say."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from strowger.accounts import UserWords, accounts, user_of_token, without_passwords
from strowger.calls.identities import Identity
from strowger.settings import Settings, Sip, Trunk, User
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.errors import CredentialInvalid, TokenInvalid
from tests.support.tokens import BOB as TOKEN_BOB
from tests.support.tokens import NOW, Mint

ID = "8:acs:r1_0f-B"
BOB = User(resource="one", name="bob", id=ID, sip_password="secret")
ANN = User(resource="one", name="Ann", id="8:acs:r1_ann")


def test_a_user_is_known_by_name_id_and_user_part_whatever_the_capitals() -> None:
    known = accounts(Settings(users=(BOB, ANN)))
    low = ID.lower()
    assert known.users == {"bob": low, low: low, "0f-b": low, "ann": "8:acs:r1_ann", "8:acs:r1_ann": "8:acs:r1_ann"}


def test_a_password_is_good_under_each_of_them_as_a_person_types_it() -> None:
    known = accounts(Settings(users=(BOB, ANN)))
    names = {"bob", "Bob", "BOB", ID, ID.lower(), ID.upper(), "0f-B", "0f-b", "0F-B"}
    assert set(known.credentials) == names
    assert all(known.credentials[name] == Credential.of_password(name, "strowger", "secret") for name in names)


def test_who_can_prove_to_be_a_user() -> None:
    carrier = Trunk(name="carrier", uri="sip:carrier.example", peer_username="Peer", peer_password="theirs")
    assert accounts(Settings(users=(BOB, ANN), trunks=(carrier,))).with_password == {ID.lower()}


def test_a_trunk_proves_itself_with_what_is_agreed_with_it() -> None:
    silent = Trunk(name="silent", uri="sip:silent.example")
    carrier = Trunk(name="carrier", uri="sip:carrier.example", peer_username="Peer", peer_password="theirs")
    known = accounts(Settings(trunks=(silent, carrier)))
    assert known.peers == {"Peer": "carrier"}
    assert known.credentials == {"Peer": Credential.of_password("Peer", "strowger", "theirs")}


@pytest.mark.parametrize("digest_md5", ["on", "only"])
def test_md5_is_made_only_where_it_is_offered(digest_md5: Literal["on", "only"]) -> None:
    known = accounts(Settings(users=(BOB,), sip=Sip(realm="x", digest_md5=digest_md5)))
    assert known.credentials["bob"] == Credential.of_password("bob", "x", "secret", md5=True)


HA1 = replace(BOB, sip_password="", sip_ha1=(f"SHA-256:{'a' * 64}", f"MD5:{'b' * 32}"))


def test_a_hash_is_good_for_the_name_alone() -> None:
    assert accounts(Settings(users=(HA1,))).credentials == {"bob": Credential("bob", "strowger", "a" * 64, "b" * 32)}
    md5 = replace(HA1, sip_ha1=HA1.sip_ha1[1:])
    assert accounts(Settings(users=(md5,))).credentials == {"bob": Credential("bob", "strowger", None, "b" * 32)}
    with pytest.raises(CredentialInvalid):
        accounts(Settings(users=(replace(HA1, name="a:b"),), sip=Sip(realm="x:y")))


def test_passwords_are_forgotten_and_nothing_else() -> None:
    carrier = Trunk(name="c", uri="sip:c", username="us", password="ours", peer_username="them", peer_password="theirs")
    settings = Settings(users=(BOB, HA1), trunks=(carrier,), sip=Sip(realm="x"))
    forgetful = without_passwords(settings)
    assert forgetful == replace(
        settings, users=(replace(BOB, sip_password=""), HA1), trunks=(replace(carrier, peer_password=""),)
    )


def test_what_a_header_cannot_carry_is_refused() -> None:
    with pytest.raises(CredentialInvalid):
        accounts(Settings(users=(replace(BOB, name="a:b"),), sip=Sip(realm="x:y")))


NEW = Identity("8:acs:r1_6D6C", "one", 5.0)


def test_a_user_that_an_application_created_is_known_too_but_not_told_of() -> None:
    known = accounts(Settings(users=(BOB,)))
    words = UserWords(known.users, lambda word: NEW if word in ("6d6c", NEW.raw_id.lower()) else None)
    assert [words.get(word) for word in ("bob", "6d6c", NEW.raw_id.lower(), "eve")] == [
        ID.lower(),
        NEW.raw_id.lower(),
        NEW.raw_id.lower(),
        None,
    ]
    assert (dict(words), len(words)) == (known.users, len(known.users))
    with pytest.raises(KeyError):
        words["eve"]
    assert known._replace(users=words).with_password == {ID.lower()}


@pytest.mark.asyncio
async def test_a_token_says_whose_it_is_and_needs_the_scope_voip() -> None:
    mint = Mint()
    verify = user_of_token(mint.tokens, lambda: NOW)
    good, _ = await mint.tokens.issue(TOKEN_BOB, ("voip",), 3_600, NOW)
    assert verify(good) == TOKEN_BOB.raw_id.lower()
    for scopes in (("chat",), ("voip.join",)):
        other, _ = await mint.tokens.issue(TOKEN_BOB, scopes, 3_600, NOW)
        with pytest.raises(TokenInvalid, match="scope voip"):
            verify(other)
    mint.revoke(TOKEN_BOB)
    with pytest.raises(TokenInvalid, match="revoked"):
        verify(good)


@pytest.mark.asyncio
async def test_a_teams_user_has_no_phones_here() -> None:
    mint = Mint(tenants=("dev",))
    token, _ = await mint.tokens.issue(mint.identities.holder("8:orgid:u-1", "dev"), ("voip",), 3_600, NOW)
    with pytest.raises(TokenInvalid, match="no phones here"):
        user_of_token(mint.tokens, lambda: NOW)(token)
