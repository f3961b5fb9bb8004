from __future__ import annotations

import asyncio

import pytest

from strowger.acs.errors import RepeatRefused, RepeatTooLate, RequestInFlight
from strowger.acs.fixdate import parse
from strowger.acs.message import Headers
from strowger.acs.repeatability import Outcome, Repeat, Repeatability, fingerprint
from strowger.calls.errors import StoreUnavailable
from strowger.calls.ports import Receipt
from tests.support.acs import ReceiptStore

ID = "5B0C4BA1-6b43-4b2a-9f63-3f0e2a3f9d10"
SENT = "Sun, 06 Nov 1994 08:49:37 GMT"
NOW = float(parse(SENT) or 0)
REPEAT = Repeat("dev POST /a", ID.lower(), b"same")
OTHER = Repeat("dev POST /a", ID.lower(), b"other")


def lenient(store: ReceiptStore | None = None) -> Repeatability:
    return Repeatability(store or ReceiptStore(), kept_for_s=86_400, clock_skew_s=900, is_strict=False)


def strict(store: ReceiptStore | None = None) -> Repeatability:
    return Repeatability(store or ReceiptStore(), kept_for_s=86_400, clock_skew_s=900, is_strict=True)


def headers(request_id: str | None = ID, sent: str | None = SENT) -> Headers:
    fields = (("Repeatability-Request-ID", request_id), ("Repeatability-First-Sent", sent))
    return Headers((name, value) for name, value in fields if value is not None)


def test_both_headers_or_none() -> None:
    assert lenient().request_id(headers(), NOW) == ID.lower()
    assert lenient().request_id(Headers(), NOW) is None
    with pytest.raises(RepeatRefused, match="Repeatability-First-Sent is missing"):
        lenient().request_id(headers(sent=None), NOW)
    with pytest.raises(RepeatRefused, match="Repeatability-Request-ID is missing"):
        lenient().request_id(headers(request_id=None), NOW)


@pytest.mark.parametrize(
    "request_id", ["", "1", ID[:-1], ID + "0", "{" + ID + "}", ID.replace("-", ""), ID[:-1] + "g", ID[:-1] + "\u0660"]
)
def test_the_id_is_a_guid(request_id: str) -> None:
    with pytest.raises(RepeatRefused, match="is not a GUID"):
        lenient().request_id(headers(request_id), NOW)


@pytest.mark.parametrize("sent", ["", "now", "1994-11-06T08:49:37Z", "So., 06 Nov 1994 08:49:37 GMT"])
def test_the_date_is_an_imf_fixdate(sent: str) -> None:
    with pytest.raises(RepeatRefused, match="is not a date like"):
        lenient().request_id(headers(sent=sent), NOW)


def test_bad_on_both_counts_is_bad() -> None:
    with pytest.raises(RepeatRefused):
        lenient().request_id(headers("x", "y"), NOW)


def test_headers_given_twice() -> None:
    twice = Headers([("Repeatability-Request-ID", ID)] * 2 + [("Repeatability-First-Sent", SENT)])
    with pytest.raises(RepeatRefused, match="more than once"):
        lenient().request_id(twice, NOW)


@pytest.mark.parametrize(
    ("age", "is_late"), [(86_400, False), (86_401, True), (-900, False), (-901, True), (301, False)]
)
def test_the_lenient_window(age: float, is_late: bool) -> None:
    if not is_late:
        assert lenient().request_id(headers(), NOW + age) == ID.lower()
        return
    with pytest.raises(RepeatTooLate) as caught:
        lenient().request_id(headers(), NOW + age)
    assert caught.value.status == 412


@pytest.mark.parametrize(("age", "is_late"), [(300, False), (301, True), (-300, False), (-301, True)])
def test_the_strict_window(age: float, is_late: bool) -> None:
    if not is_late:
        assert strict().request_id(headers(), NOW + age) == ID.lower()
        return
    with pytest.raises(RepeatTooLate):
        strict().request_id(headers(), NOW + age)


class Work:
    """Something to carry out, that counts how often it was."""

    def __init__(self) -> None:
        self.times = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def __call__(self) -> Outcome:
        self.times += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Outcome(204, correlation_id="c")


@pytest.mark.asyncio
async def test_a_stored_answer_is_given_again() -> None:
    store, work = ReceiptStore(), Work()
    store.keep(Receipt(REPEAT.scope, REPEAT.request_id, REPEAT.fingerprint, NOW, 404, b"{}", "c"))
    assert await lenient(store).once(REPEAT, work) == Outcome(404, b"{}", "c")
    assert work.times == 0


@pytest.mark.asyncio
async def test_another_request_under_a_stored_id() -> None:
    store, work = ReceiptStore(), Work()
    store.keep(Receipt(REPEAT.scope, REPEAT.request_id, REPEAT.fingerprint, NOW, 204))
    with pytest.raises(RepeatRefused, match="belongs to another request"):
        await lenient(store).once(OTHER, work)
    assert work.times == 0


@pytest.mark.asyncio
async def test_a_twin_waits_for_the_first() -> None:
    repeatability, work = lenient(), Work()
    work.gate.clear()
    both = [asyncio.ensure_future(repeatability.once(REPEAT, work)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(RepeatRefused):
        await repeatability.once(OTHER, work)
    work.gate.set()
    assert await asyncio.gather(*both) == [Outcome(204, correlation_id="c")] * 2
    assert work.times == 1


@pytest.mark.asyncio
async def test_a_strict_twin_conflicts() -> None:
    repeatability, work = strict(), Work()
    work.gate.clear()
    first = asyncio.ensure_future(repeatability.once(REPEAT, work))
    await asyncio.sleep(0)
    with pytest.raises(RequestInFlight) as caught:
        await repeatability.once(REPEAT, work)
    assert (caught.value.status, caught.value.code) == (409, "8519")
    work.gate.set()
    await first


@pytest.mark.asyncio
async def test_a_failure_is_not_kept_and_the_twin_learns_of_it() -> None:
    repeatability, work = lenient(), Work()
    work.gate.clear()
    work.error = StoreUnavailable("disk full")
    both = [asyncio.ensure_future(repeatability.once(REPEAT, work)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    work.gate.set()
    results = await asyncio.gather(*both, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable, StoreUnavailable]
    work.error = None
    assert (await repeatability.once(REPEAT, work)).status == 204
    assert work.times == 2


@pytest.mark.asyncio
async def test_the_first_being_cancelled_does_not_cancel_its_twin() -> None:
    repeatability, work = lenient(), Work()
    work.gate.clear()
    first, second = [asyncio.ensure_future(repeatability.once(REPEAT, work)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(StoreUnavailable):
        await second


@pytest.mark.asyncio
async def test_refusals_are_kept_or_the_store_says_why_not() -> None:
    store = ReceiptStore()
    receipt = REPEAT.receipt(NOW, 404, b"{}")
    await lenient(store).keep(receipt)
    assert store.find_receipt(REPEAT.scope, REPEAT.request_id) == receipt
    store.fails_with = StoreUnavailable("disk full")
    with pytest.raises(StoreUnavailable):
        await lenient(store).keep(receipt)


def test_the_fingerprint_tells_requests_apart() -> None:
    parts = ("POST", "/a", "2026-03-12", "hash")
    seen = {fingerprint(*parts)}
    for other in (
        ("PUT", *parts[1:]),
        ("POST", "/b", *parts[2:]),
        ("POST", "/a", "2025-06-15", "hash"),
        (*parts[:3], "hasH"),
    ):
        seen.add(fingerprint(*other))
    assert len(seen) == 5
    assert fingerprint(*parts) == fingerprint(*parts)
