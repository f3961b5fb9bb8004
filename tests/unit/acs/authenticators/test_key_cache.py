from __future__ import annotations

import asyncio

import pytest

from strowger.acs.authenticators.key_cache import Fetched, FetchFailed, KeyCache, KeyLimits, StaticKeys
from strowger.acs.authenticators.key_set import read_key_set
from strowger.acs.errors import Unavailable
from strowger.base.clock import VirtualClock
from strowger.base.tasks import running, spawn
from tests.support.issuer import EC, ISSUER, RSA, published

pytestmark = pytest.mark.asyncio

ONLY_RSA = read_key_set(published(RSA))
BOTH = read_key_set(published(RSA, EC))


class Publisher:
    """An issuer that answers as told, or when told."""

    def __init__(self, *answers: Fetched | FetchFailed) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> Fetched:
        self.asked += 1
        await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, FetchFailed):
            raise answer
        return answer


def cache(publisher: Publisher, clock: VirtualClock, limits: KeyLimits | None = None) -> KeyCache:
    return KeyCache(ISSUER, publisher.fetch, monotonic=clock.monotonic, limits=limits)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
    assert running() == []


async def test_keys_are_fetched_once_and_kept() -> None:
    publisher, clock = Publisher(Fetched(BOTH, 600.0)), VirtualClock()
    keys = cache(publisher, clock)
    assert await keys.find("rsa") is BOTH["rsa"]
    clock.advance(599.9)
    assert await keys.find("ec") is BOTH["ec"]
    assert publisher.asked == 1


async def test_one_fetch_at_a_time_whoever_asks() -> None:
    publisher = Publisher(Fetched(BOTH))
    publisher.gate.clear()
    keys = cache(publisher, VirtualClock())
    askers = [spawn(keys.find(name), "asker") for name in ("rsa", "ec", "rsa")]
    await asyncio.sleep(0)
    askers[0].cancel()
    await asyncio.sleep(0)
    publisher.gate.set()
    assert await asyncio.gather(*askers[1:]) == [BOTH["ec"], BOTH["rsa"]]
    assert (askers[0].cancelled(), publisher.asked) == (True, 1)


async def test_stale_keys_are_renewed_beside_the_request() -> None:
    publisher, clock = Publisher(Fetched(BOTH, 600.0), Fetched(ONLY_RSA)), VirtualClock()
    keys = cache(publisher, clock)
    await keys.find("rsa")
    clock.advance(600.0)
    publisher.gate.clear()
    assert await keys.find("ec") is BOTH["ec"]
    publisher.gate.set()
    await settled()
    assert await keys.find("ec") is None  # the issuer has withdrawn it
    assert publisher.asked == 2


async def test_an_unknown_key_is_asked_for_at_a_bounded_rate() -> None:
    publisher, clock = Publisher(Fetched(ONLY_RSA), Fetched(ONLY_RSA), Fetched(BOTH)), VirtualClock()
    keys = cache(publisher, clock)
    await keys.find("rsa")
    for _ in range(1_000):
        assert await keys.find("ec") is None
    assert publisher.asked == 1
    clock.advance(9.9)
    assert await keys.find("ec") is None
    assert publisher.asked == 1
    clock.advance(0.1)
    assert await keys.find("ec") is None
    assert publisher.asked == 2
    clock.advance(10.0)
    assert await keys.find("ec") is BOTH["ec"]


async def test_the_last_good_keys_are_kept_while_no_new_ones_come() -> None:
    publisher, clock = Publisher(Fetched(ONLY_RSA, 600.0), FetchFailed("down")), VirtualClock()
    keys = cache(publisher, clock)
    await keys.find("rsa")
    clock.advance(600.0)
    for _ in range(10):
        assert await keys.find("rsa") is ONLY_RSA["rsa"]
        await settled()
    assert publisher.asked == 2
    with pytest.raises(Unavailable) as caught:
        await keys.find("ec")
    assert (caught.value.status, caught.value.headers) == (503, (("Retry-After", "10"),))
    assert "Nothing was done" in caught.value.message
    clock.advance(86_399.9)
    assert await keys.find("rsa") is ONLY_RSA["rsa"]
    clock.advance(0.1)
    with pytest.raises(Unavailable):  # but not for ever
        await keys.find("rsa")


async def test_an_issuer_that_comes_back_is_believed_again() -> None:
    publisher, clock = Publisher(FetchFailed("down"), Fetched(BOTH)), VirtualClock()
    keys = cache(publisher, clock)
    with pytest.raises(Unavailable):
        await keys.find("rsa")
    clock.advance(10.0)
    assert await keys.find("rsa") is BOTH["rsa"]
    assert await keys.find("none") is None


@pytest.mark.parametrize(
    ("max_age", "fresh_for"), [(None, 3_600.0), (0.0, 60.0), (61.0, 61.0), (86_400.0, 86_400.0), (1e9, 86_400.0)]
)
async def test_the_age_that_the_issuer_allows_holds_within_bounds(max_age: float | None, fresh_for: float) -> None:
    publisher, clock = Publisher(Fetched(BOTH, max_age)), VirtualClock()
    keys = cache(publisher, clock)
    await keys.find("rsa")
    clock.advance(fresh_for - 0.001)
    await keys.find("rsa")
    await settled()
    assert publisher.asked == 1
    clock.advance(0.002)
    await keys.find("rsa")
    await settled()
    assert publisher.asked == 2


async def test_a_stopped_cache_fetches_no_more() -> None:
    publisher = Publisher(Fetched(BOTH))
    publisher.gate.clear()
    keys = cache(publisher, VirtualClock())
    keys.stop()
    asking = spawn(keys.find("rsa"), "asker")
    await asyncio.sleep(0)
    keys.stop()
    assert await asking is None
    await settled()


async def test_keys_that_never_change() -> None:
    keys = StaticKeys(ONLY_RSA)
    assert (await keys.find("rsa"), await keys.find("ec")) == (ONLY_RSA["rsa"], None)
