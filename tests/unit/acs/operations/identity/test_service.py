from __future__ import annotations

import pytest

from strowger.acs.errors import ArgumentInvalid
from strowger.acs.operations.identity.service import Asked, require_minutes, require_scopes
from strowger.acs.user_tokens import SCOPES
from strowger.calls.identities import Identity
from tests.support.tokens import BOB, FIRST_ID, NOW, Mint


@pytest.mark.parametrize("written", ["8%3Aacs%3Aa_b", "8:acs:a_b", "8%3aacs:a_b"])
def test_the_identity_of_a_path_however_its_colons_are_written(written: str) -> None:
    assert Asked("dev", f"/identities/{written}/:issueAccessToken", b"", NOW).raw_id == "8:acs:a_b"
    assert Asked("dev", f"/identities/{written}", b"", NOW).raw_id == "8:acs:a_b"
    assert Asked("dev", "/identities/%FF", b"", NOW).raw_id == "\ufffd"


def test_a_new_identity_is_of_the_resource_and_not_kept_yet() -> None:
    mint = Mint()
    assert mint.service.new_identity("dev", NOW) == Identity(FIRST_ID, "dev", NOW)
    assert mint.identities.find(FIRST_ID) is None


@pytest.mark.asyncio
async def test_a_token_says_in_iso_8601_when_it_ends() -> None:
    mint = Mint()
    given = await mint.service.token(BOB, ["voip"], 90, NOW + 0.9)
    assert given.expires_on == "2026-01-01T01:30:00+00:00"
    assert mint.tokens.verify(given.token, NOW).expires_at == NOW + 5_400


def test_every_scope_of_acs_is_known() -> None:
    assert require_scopes(list(SCOPES), "scopes") == ["chat", "chat.join", "chat.join.limited", "voip", "voip.join"]


@pytest.mark.parametrize(
    ("scopes", "target"),
    [([], "scopes"), (["voip", "fly"], "scopes[1]"), (["VOIP"], "scopes[0]"), (["voip,chat"], "scopes[0]")],
)
def test_unknown_scopes(scopes: list[str], target: str) -> None:
    with pytest.raises(ArgumentInvalid) as refused:
        require_scopes(scopes, "scopes")
    assert (refused.value.status, refused.value.target) == (400, target)


def test_a_token_lives_from_an_hour_to_a_day() -> None:
    assert [require_minutes(each) for each in (None, 60, 61, 1_440)] == [1_440, 60, 61, 1_440]
    for minutes in (59, 1_441, 0, -60, 1 << 62):
        with pytest.raises(ArgumentInvalid) as refused:
            require_minutes(minutes)
        assert refused.value.target == "expiresInMinutes"
