"""The subscriptions of a running server, over a store that forgets and a delivery that is not started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from strowger.base.clock import VirtualClock
from strowger.calls.errors import StoreUnavailable
from strowger.calls.subscriptions import StoredSubscription
from strowger.console.errors import BodyInvalid, Conflict, NotThere, Unavailable
from strowger.events.handshake import State
from strowger.settings import Settings
from strowger.storage.memory import MemoryStore
from strowger.storage.retention import Retention
from strowger.subscriptions import TESTS
from tests.support.settings import the_settings
from tests.support.subscriptions import subscriptions_of

pytestmark = pytest.mark.asyncio

OURS = """
    [[subscription]]
    resource = "one"
    name = "ours"
    endpoint = "https://ours.example/events?code=s3cret"
"""
ADDED = {"resource": "one", "name": "added", "endpoint": "https://added.example/events"}


class Bench:
    """One server's subscriptions; a `restarted` one has the same store."""

    def __init__(self, settings: Settings, store: MemoryStore | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.store = store or MemoryStore(loop.call_soon, Retention())
        self.clock = VirtualClock()
        self.subscriptions, self.delivery = subscriptions_of(settings, self.store, self.clock)

    def restarted(self, settings: Settings | None = None) -> Bench:
        return Bench(settings or self.settings, self.store)

    def paused(self) -> dict[str, bool]:
        return {each.name: each.is_paused for each in self.subscriptions.shown().subscriptions}

    def served(self) -> list[str]:
        return [each.subscription.key for each in self.delivery.subscribers]


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    return lambda text=OURS: Bench(the_settings(tmp_path, text))


async def test_those_of_the_settings_are_there(bench: Callable[..., Bench]) -> None:
    (view,) = bench().subscriptions.shown().subscriptions
    assert (view.name, view.resource, view.origin, view.created_at) == ("ours", "one", "settings", None)
    assert (view.endpoint, view.is_paused, view.state, view.waiting) == (
        "https://ours.example/events?***", False, "pending", 0,
    )  # fmt: skip
    assert view.validation_url.startswith("/validate?code=")
    assert "s3cret" not in repr(view)


async def test_one_that_is_added_is_served_and_there_after_a_restart(bench: Callable[..., Bench]) -> None:
    first = bench()
    secret = ADDED | {"headers": ["X-Key: s3cret"], "paused": "on"}
    view = await first.subscriptions.add(secret)
    assert (view.name, view.origin, view.is_paused, view.created_at) == (
        "added", "admin", True, "2026-01-01T00:00:00.000Z",
    )  # fmt: skip
    assert view.rows == ADDED | {"headers": ["X-Key: ***"]}
    second = first.restarted()
    assert second.served() == first.served() == ["one/ours", "one/added"]
    assert second.paused() == {"ours": False, "added": True}
    subscriber = second.delivery.subscribers.get("one/added")
    assert subscriber is not None
    assert subscriber.subscription.headers[0].value == "s3cret"
    assert second.subscriptions.one("added").created_at == "2026-01-01T00:00:00.000Z"


async def test_a_name_that_is_there_is_refused_with_why(bench: Callable[..., Bench]) -> None:
    it = bench()
    with pytest.raises(Conflict, match=r"A subscription called ours is written in the settings: choose another name\."):
        await it.subscriptions.add(ADDED | {"name": "ours"})
    await it.subscriptions.add(ADDED)
    with pytest.raises(Conflict, match="A subscription called added is added already"):
        await it.subscriptions.add(ADDED)
    assert [stored.name for stored in it.store.subscriptions.load()] == ["added"]


async def test_of_two_of_one_name_at_once_one_is_added(bench: Callable[..., Bench]) -> None:
    it = bench()
    other = ADDED | {"endpoint": "https://other.example/"}
    came = await asyncio.gather(*map(it.subscriptions.add, (ADDED, other)), return_exceptions=True)
    assert [type(each).__name__ for each in came] == ["SubscriptionView", "Conflict"]
    assert it.subscriptions.one("added").endpoint == ADDED["endpoint"]


async def test_what_is_refused_changes_nothing(bench: Callable[..., Bench]) -> None:
    it = bench()
    with pytest.raises(BodyInvalid) as refused:
        await it.subscriptions.add({"resource": "two", "name": "added", "shema": "x"})
    assert str(refused.value) == "This is no subscription: $.shema: there is no such setting (perhaps schema)."
    assert [(each.path, each.message) for each in refused.value.details] == [
        ("$.shema", "there is no such setting"),
        ("$.resource", 'there is no resource called "two"'),
        ("$.endpoint", 'this is required with delivery = "push"'),
    ]
    with pytest.raises(BodyInvalid, match="name: 1 to 64 printable ASCII"):
        await it.subscriptions.add(ADDED | {"name": "é"})
    with pytest.raises(BodyInvalid, match="endpoint of one/added"):
        await it.subscriptions.add(ADDED | {"endpoint": f"https://{'ö' * 70}.example/"})
    assert (it.served(), it.store.subscriptions.load()) == (["one/ours"], [])


async def test_the_edge_of_how_many(bench: Callable[..., Bench]) -> None:
    it = bench(f"{OURS}\n[limits]\nsubscriptions = 2")
    for name in ("a", "b"):
        await it.subscriptions.add(ADDED | {"name": name})
    with pytest.raises(Conflict, match=r"2 subscriptions were added: limits\.subscriptions allows no more"):
        await it.subscriptions.add(ADDED)
    await it.subscriptions.remove("a")
    await it.subscriptions.add(ADDED)
    assert it.served() == ["one/ours", "one/b", "one/added"]


async def test_a_pause_is_kept_whoever_made_the_subscription(bench: Callable[..., Bench]) -> None:
    first = bench()
    await first.subscriptions.add(ADDED)
    for name in ("ours", "added"):
        assert (await first.subscriptions.pause(name)).is_paused
    second = first.restarted()
    assert second.paused() == {"ours": True, "added": True}
    for name in ("ours", "added"):
        assert not (await second.subscriptions.resume(name)).is_paused
    assert second.restarted().paused() == {"ours": False, "added": False}
    assert [stored.name for stored in first.store.subscriptions.load()] == ["added"]


async def test_a_resume_outlasts_a_pause_of_the_settings(bench: Callable[..., Bench]) -> None:
    first = bench(f'{OURS}\n    paused = "on"')
    assert first.paused() == {"ours": True}
    await first.subscriptions.resume("ours")
    second = first.restarted()
    assert second.paused() == {"ours": False}
    await second.subscriptions.pause("ours")
    assert (second.restarted().paused(), second.store.subscriptions.load()) == ({"ours": True}, [])


async def test_one_of_the_settings_is_theirs(bench: Callable[..., Bench]) -> None:
    it = bench()
    why = "ours is written in the settings: change or remove it there and start the server anew"
    with pytest.raises(Conflict, match=why):
        await it.subscriptions.remove("ours")
    with pytest.raises(Conflict, match=why):
        await it.subscriptions.change("ours", ADDED, whole=True)
    assert it.served() == ["one/ours"]


async def test_some_rows_or_all_of_them_are_changed(bench: Callable[..., Bench]) -> None:
    it = bench()
    await it.subscriptions.add(ADDED | {"schema": "cloudevents", "headers": ["X-Key: s3cret"]})
    await it.subscriptions.pause("added")
    patched = await it.subscriptions.change("added", {"schema": None, "subject_ends_with": "1"}, whole=False)
    assert patched.rows == ADDED | {"headers": ["X-Key: ***"], "subject_ends_with": "1"}
    assert patched.is_paused, "a change of rows says nothing of the pause"
    resumed = await it.subscriptions.change("added", {"paused": "off"}, whole=False)
    assert not resumed.is_paused
    rows = {name: value for name, value in ADDED.items() if name != "name"}
    written = await it.subscriptions.change("added", rows, whole=True)
    assert (written.rows, written.created_at) == (ADDED, "2026-01-01T00:00:00.000Z")
    assert it.restarted().subscriptions.one("added").rows == ADDED


async def test_a_change_that_is_refused(bench: Callable[..., Bench]) -> None:
    it = bench(f'{OURS}\n[[resource]]\nname = "two"\nid = "r2"\nhosts = ["two.example"]')
    await it.subscriptions.add(ADDED)
    for changes in ({"name": "other"}, {"resource": "two"}):
        with pytest.raises(Conflict, match="Neither name nor resource can change"):
            await it.subscriptions.change("added", changes, whole=False)
    with pytest.raises(BodyInvalid):
        await it.subscriptions.change("added", {"endpoint": "nowhere"}, whole=False)
    with pytest.raises(BodyInvalid):
        await it.subscriptions.change("added", {"resource": "one"}, whole=True)
    assert it.subscriptions.one("added").rows == ADDED


async def test_one_that_is_removed_is_gone_for_good(bench: Callable[..., Bench]) -> None:
    it = bench()
    await it.subscriptions.add(ADDED)
    removed = await it.subscriptions.remove("added")
    assert (removed.name, removed.dropped, removed.is_told) == ("added", 0, False)
    assert it.restarted().served() == it.served() == ["one/ours"]
    with pytest.raises(NotThere, match="There is no subscription called 'added'"):
        await it.subscriptions.remove("added")


async def test_nobody_is_there_of_a_name_that_is_not(bench: Callable[..., Bench]) -> None:
    it = bench().subscriptions
    with pytest.raises(NotThere):
        it.one("x")
    for act in (it.pause, it.resume, it.validate, it.test, it.remove):
        with pytest.raises(NotThere):
            await act("x")


async def test_a_store_that_takes_nothing_changes_nothing(bench: Callable[..., Bench]) -> None:
    it = bench()
    await it.subscriptions.add(ADDED)
    it.store.close()
    with capture_logs() as lines:
        for change in (
            it.subscriptions.add(ADDED | {"name": "more"}),
            it.subscriptions.change("added", {"endpoint": "https://other.example/"}, whole=False),
            it.subscriptions.remove("added"),
            it.subscriptions.pause("added"),
            it.subscriptions.pause("ours"),
        ):
            with pytest.raises(StoreUnavailable):
                await change
    assert (it.paused(), it.subscriptions.one("added").rows) == ({"ours": False, "added": False}, ADDED)
    assert lines == []


async def test_a_change_is_made_to_its_end_when_nobody_waits_for_it(bench: Callable[..., Bench]) -> None:
    it = bench()
    task = asyncio.create_task(it.subscriptions.add(ADDED))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.gather(*it.subscriptions._tasks)
    assert it.served() == ["one/ours", "one/added"]


async def test_one_that_fits_the_settings_no_more_is_told_of_and_not_served(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    two = '[[resource]]\nname = "two"\nid = "r2"\nhosts = ["two.example"]'
    first = bench(two)
    await first.subscriptions.add(ADDED | {"resource": "two", "paused": "on"})
    with capture_logs() as lines:
        second = first.restarted(the_settings(tmp_path))
    (line,) = lines
    assert line["event"] == "a subscription that was added is not served"
    view = second.subscriptions.one("added")
    assert (view.state, view.is_paused, view.resource, view.endpoint, view.rows) == ("unusable", True, "two", "", {})
    assert view.why == line["why"]
    assert 'there is no resource called "two"' in view.why
    for act in (second.subscriptions.validate, second.subscriptions.test):
        with pytest.raises(Conflict, match="It is not served"):
            await act("added")
    assert not (await second.subscriptions.resume("added")).is_paused
    assert second.served() == []
    mended = await second.subscriptions.change("added", {"resource": "one"}, whole=False)
    assert (mended.state, mended.is_paused, second.served()) == ("pending", False, ["one/added"])
    third = first.restarted(the_settings(tmp_path, two))
    assert third.served() == ["one/added"]
    fourth = first.restarted(the_settings(tmp_path))
    assert (await fourth.subscriptions.remove("added")).dropped == 0
    assert first.restarted().served() == []


async def test_the_settings_have_a_name_before_anybody(bench: Callable[..., Bench], tmp_path: Path) -> None:
    first = bench("")
    await first.subscriptions.add(ADDED | {"name": "ours", "paused": "on"})
    with capture_logs() as lines:
        second = first.restarted(the_settings(tmp_path, OURS))
    assert [line["event"] for line in lines] == ["a subscription that was added is left out"]
    assert second.paused() == {"ours": False}
    assert second.subscriptions.one("ours").origin == "settings"
    assert first.restarted(the_settings(tmp_path)).subscriptions.one("ours").origin == "admin"


async def test_what_is_kept_of_one_that_left_the_settings_is_nothing_to_anybody(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    first = bench()
    await first.subscriptions.pause("ours")
    second = first.restarted(the_settings(tmp_path))
    assert second.subscriptions.shown().subscriptions == ()
    await second.subscriptions.add(ADDED | {"name": "ours"})
    assert second.restarted().paused() == {"ours": False}


async def test_a_handshake_is_begun_anew_unless_it_is_valid(bench: Callable[..., Bench]) -> None:
    it = bench()
    before = it.subscriptions.one("ours").validation_url
    after = (await it.subscriptions.validate("ours")).validation_url
    assert before != after
    assert it.delivery.validate_manually(after.partition("=")[2])
    assert it.delivery.states()["one/ours"][0] is State.VALID
    assert (await it.subscriptions.validate("ours")).state == "valid"


async def test_a_failover_consents_for_itself(bench: Callable[..., Bench]) -> None:
    it = bench()
    await it.subscriptions.add(ADDED | {"failover_endpoint": "https://more.example/"})
    assert it.subscriptions.one("added").failover == "pending"
    assert it.subscriptions.one("ours").failover == ""
    key = next(key for key in it.delivery.states() if key not in ("one/ours", "one/added"))
    before = it.delivery.manual_url(key)
    await it.subscriptions.validate("added")
    after = it.delivery.manual_url(key)
    assert before != after
    assert it.delivery.validate_manually(after.partition("=")[2])
    assert it.subscriptions.one("added").failover == "valid: the validation URL was opened"
    await it.subscriptions.validate("added")
    assert it.delivery.states()[key][0] is State.VALID
    await it.subscriptions.change("added", {"failover_endpoint": None}, whole=False)
    assert (it.subscriptions.one("added").failover, len(it.delivery.states())) == ("", 2)


async def test_only_so_many_are_tried_at_one_time(bench: Callable[..., Bench]) -> None:
    it = bench()
    view = await it.subscriptions.test("ours")
    assert (view.name, view.status, view.is_delivered, view.why) == ("ours", None, False, "the server is stopping")
    held = asyncio.Event()

    async def try_out(key: str, context: object) -> None:
        await held.wait()
        raise asyncio.CancelledError

    it.delivery.try_out = try_out  # type: ignore[method-assign,assignment]
    trials = [asyncio.create_task(it.subscriptions.test("ours")) for _ in range(TESTS)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="8 tests are under way already"):
        await it.subscriptions.test("ours")
    held.set()
    await asyncio.gather(*trials, return_exceptions=True)
    assert it.subscriptions._tests == 0


async def test_what_is_stored_holds_the_secret_and_not_the_pause(bench: Callable[..., Bench]) -> None:
    it = bench()
    await it.subscriptions.add(ADDED | {"headers": ["X-Key: s3cret"], "paused": "on"})
    (stored,) = it.store.subscriptions.load()
    assert isinstance(stored, StoredSubscription)
    assert stored.is_paused
    assert json.loads(stored.document) == ADDED | {"headers": ["X-Key: s3cret"]}


async def test_one_whose_events_are_fetched(bench: Callable[..., Bench]) -> None:
    it = bench()
    fetched = {"resource": "one", "name": "added", "delivery": "pull"}
    view = await it.subscriptions.add(fetched)
    assert (view.endpoint, view.state, view.waiting, view.validation_url) == ("", "valid", 0, "")
    assert view.why.startswith("fetched by the application: 0 events not acknowledged")
    assert view.rows == fetched
    assert await it.subscriptions.validate("added") == view
    with pytest.raises(Conflict, match="there is no endpoint to try"):
        await it.subscriptions.test("added")
    changed = await it.subscriptions.change("added", ADDED, whole=True)
    assert (changed.endpoint, changed.state) == ("https://added.example/events", "pending")
    assert (await it.subscriptions.change("added", fetched, whole=True)).state == "valid"
    with pytest.raises(BodyInvalid, match=r"nothing is posted with delivery = \"pull\""):
        await it.subscriptions.change("added", ADDED | {"delivery": "pull"}, whole=True)
    assert (await it.subscriptions.remove("added")).dropped == 0
    assert it.served() == ["one/ours"]
