"""Keys come when needed, go when their last token is over, and survive a restart and a clock that is set."""

from __future__ import annotations

import asyncio
import json

import pytest

from strowger.acs import token_keys
from strowger.acs.token_keys import KEPT_LONGER_S, MAX_KEYS, SigningKey, TokenKeys, make_key
from strowger.calls.errors import StoreUnavailable
from strowger.calls.signing_keys import StoredKey
from tests.support.tokens import DAY_S, KEY_AGE_S, NOW, KeptKeys, Mint, a_key

HOUR_S = 3_600.0
OVER_S = DAY_S + KEPT_LONGER_S


@pytest.fixture
def mint() -> Mint:
    return Mint()


async def kid(mint: Mint, now: float = NOW) -> str:
    return (await mint.keys.latest(now)).kid


@pytest.mark.asyncio
async def test_there_is_no_key_until_one_is_needed(mint: Mint) -> None:
    assert (mint.made, json.loads(mint.keys.public())) == (0, {"keys": []})
    key = await mint.keys.latest(NOW)
    assert (mint.made, list(mint.kept_keys.kept)) == (1, [key.kid])
    assert mint.keys.find(key.kid) is key.key
    assert mint.keys.find("another") is None


@pytest.mark.asyncio
async def test_only_the_public_half_is_shown(mint: Mint) -> None:
    name = await kid(mint)
    (shown,) = json.loads(mint.keys.public())["keys"]
    assert set(shown) == {"kty", "n", "e", "kid", "use", "alg"}
    assert (shown["kty"], shown["kid"], shown["use"], shown["alg"]) == ("RSA", name, "sig", "RS256")
    assert shown["n"] == a_key(1).as_dict(private=False)["n"]


@pytest.mark.asyncio
async def test_a_restart_takes_the_same_key(mint: Mint) -> None:
    name = await kid(mint)
    mint.restart()
    assert (await kid(mint, NOW + DAY_S), mint.made) == (name, 1)


@pytest.mark.asyncio
async def test_an_old_key_is_replaced_and_still_verifies(mint: Mint) -> None:
    first = await kid(mint)
    assert await kid(mint, NOW + KEY_AGE_S - 1) == first
    second = await kid(mint, NOW + KEY_AGE_S)
    assert second != first
    assert [mint.keys.find(each) for each in (first, second)] == [a_key(1), a_key(2)]
    assert [each["kid"] for each in json.loads(mint.keys.public())["keys"]] == [first, second]


@pytest.mark.asyncio
async def test_a_replaced_key_goes_when_its_last_token_is_over(mint: Mint) -> None:
    first = await kid(mint)
    replaced = NOW + KEY_AGE_S
    second = await kid(mint, replaced)
    mint.keys.prune(replaced + OVER_S)
    assert mint.keys.find(first) is not None
    mint.keys.prune(replaced + OVER_S + 1)
    assert (mint.keys.find(first), list(mint.kept_keys.kept)) == (None, [second])
    mint.keys.prune(replaced + 100 * KEY_AGE_S)
    assert mint.keys.find(second) is not None, "the latest always stays"


@pytest.mark.parametrize("jump", [HOUR_S, -HOUR_S])
@pytest.mark.asyncio
async def test_a_clock_that_jumps_an_hour_makes_no_key(mint: Mint, jump: float) -> None:
    first = await kid(mint)
    assert await kid(mint, NOW + jump) == first
    assert await kid(mint, NOW) == first


@pytest.mark.asyncio
async def test_a_clock_an_hour_ahead_drops_no_key_too_early(mint: Mint) -> None:
    first = await kid(mint)
    replaced = NOW + KEY_AGE_S
    await kid(mint, replaced)
    mint.keys.prune(replaced + DAY_S + HOUR_S)
    assert mint.keys.find(first) is not None


@pytest.mark.asyncio
async def test_a_key_of_a_far_future_signs_no_longer(mint: Mint) -> None:
    first = await kid(mint, NOW + 2 * KEY_AGE_S)
    assert await kid(mint, NOW) != first


@pytest.mark.asyncio
async def test_there_are_never_too_many(mint: Mint) -> None:
    names = [await kid(mint, NOW + number * KEY_AGE_S) for number in range(MAX_KEYS + 2)]
    assert (len(set(names)), names[-1]) == (MAX_KEYS, names[-3])
    assert mint.made == MAX_KEYS


@pytest.mark.asyncio
async def test_many_that_need_a_key_at_once_get_the_same(mint: Mint) -> None:
    keys = await asyncio.gather(*(mint.keys.latest(NOW) for _ in range(5)))
    assert (len({key.kid for key in keys}), mint.made) == (1, 1)


@pytest.mark.asyncio
async def test_a_key_that_cannot_be_kept_signs_nothing(mint: Mint) -> None:
    mint.kept_keys.fails_with = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        await mint.keys.latest(NOW)
    assert json.loads(mint.keys.public()) == {"keys": []}
    mint.kept_keys.fails_with = None
    assert await kid(mint)


def test_a_key_that_cannot_be_read_stops_the_start() -> None:
    kept = KeptKeys()
    kept.kept["x"] = StoredKey("x", NOW, b"no key")
    with pytest.raises(ValueError):
        TokenKeys(kept, max_age_s=1, longest_token_s=1).restore()


def test_a_key_is_as_long_as_rs256_wants_it_and_not_shown() -> None:
    key = make_key()
    assert key.private_key is not None
    assert key.private_key.key_size == token_keys.KEY_BITS >= 2_048
    assert repr(SigningKey("x", 1.0, key)) == "SigningKey(kid='x')"
