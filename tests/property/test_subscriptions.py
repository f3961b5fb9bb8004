"""Subscriptions at run time against a model of a few lines: whatever is said in whatever order, with restarts between
and several at once, what is served is what was said, and it is there again after a restart.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from strowger.base.clock import VirtualClock
from strowger.console.errors import BodyInvalid, Conflict, ConsoleError
from strowger.console.subscriptions import FROM_SETTINGS
from strowger.settings import Settings, Subscription
from strowger.settings.row import rows_of
from strowger.storage.memory import MemoryStore
from strowger.storage.retention import Retention
from tests.support.settings import the_settings
from tests.support.subscriptions import subscriptions_of

OURS = """
    [limits]
    subscriptions = 2
    [[subscription]]
    resource = "one"
    name = "ours"
    endpoint = "https://ours.example/"
"""
NAMES = st.sampled_from(["ours", "a", "b", "c"])
VERBS = st.sampled_from(["add", "change", "remove", "pause", "resume", "validate"])
SAID = st.tuples(VERBS, NAMES, st.integers(0, 3))
TOGETHER = st.lists(SAID, min_size=1, max_size=4)
"""What is said at once; a restart follows now and then."""

Model = dict[str, tuple[int, bool]]
"""By name: the number in the endpoint, 0 for one that has none and fetches its events, and whether it is paused."""


def settings() -> Settings:
    with TemporaryDirectory() as directory:
        return the_settings(Path(directory), OURS)


SETTINGS = settings()


def endpoint(number: int) -> str:
    return f"https://{number}.example/" if number else ""


def rows(number: int) -> dict[str, object]:
    """What makes one of the other; null is for the default."""
    return {"endpoint": endpoint(number), "delivery": None} if number else {"endpoint": None, "delivery": "pull"}


def apply(model: Model, verb: str, name: str, number: int) -> bool:
    """Do as the server should; whether it should agree."""
    is_there, is_ours = name in model, name == "ours"
    if verb == "add":
        if is_there or len(model) > 2:
            return False
        model[name] = (number, False)
    elif not is_there or (is_ours and verb in ("change", "remove")):
        return False
    elif verb == "change":
        model[name] = (number, model[name][1])
    elif verb == "remove":
        del model[name]
    elif verb in ("pause", "resume"):
        model[name] = (model[name][0], verb == "pause")
    return True


@given(st.lists(st.tuples(TOGETHER, st.booleans()), max_size=6))
def test_what_is_served_is_what_was_said(rounds: list[tuple[list[tuple[str, str, int]], bool]]) -> None:
    asyncio.run(_play(rounds))


async def _play(rounds: list[tuple[list[tuple[str, str, int]], bool]]) -> None:
    store = MemoryStore(asyncio.get_running_loop().call_soon, Retention())
    clock, model = VirtualClock(), Model({"ours": (0, False)})
    it, delivery = subscriptions_of(SETTINGS, store, clock)
    for together, is_restarted in rounds:
        agreed = [apply(model, *said) for said in together]
        came = await asyncio.gather(*(_say(it, *said) for said in together), return_exceptions=True)
        assert [not isinstance(each, Exception) for each in came] == agreed
        assert all(isinstance(each, ConsoleError) for each in came if isinstance(each, Exception))
        if is_restarted:
            it, delivery = subscriptions_of(SETTINGS, store, clock)
        shown = {each.name: each for each in it.shown().subscriptions}
        assert {name: each.is_paused for name, each in shown.items()} == {name: at[1] for name, at in model.items()}
        added = {name: each.endpoint for name, each in shown.items() if each.origin != FROM_SETTINGS}
        assert added == {name: endpoint(at[0]) for name, at in model.items() if name != "ours"}
        served = {each.subscription.name: each.is_told for each in delivery.subscribers}
        assert served == {name: not at[1] for name, at in model.items()}


async def _say(it, verb: str, name: str, number: int) -> object:
    if verb == "add":
        given = {row: value for row, value in rows(number).items() if value is not None}
        return await it.add({"resource": "one", "name": name} | given)
    if verb == "change":
        return await it.change(name, rows(number), whole=False)
    return await getattr(it, verb)(name)


ROWS = sorted(row.key for _, row in rows_of(Subscription))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(
        ["on", "off", "X-A: 1", "X-A: data.to", "https://x.example/?a=b", "90m", "whsec_", "pull", "All", "one"]
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["operatorType", "key", "value", "values", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
DOCUMENTS = st.dictionaries(st.sampled_from(ROWS) | st.text(max_size=8), VALUES, max_size=6)


@given(DOCUMENTS, st.booleans())
def test_whatever_is_sent_is_added_or_refused_with_why(document: dict[str, object], is_whole: bool) -> None:
    least = {"resource": "one", "name": "a", "endpoint": endpoint(1)}
    asyncio.run(_send(document if is_whole else least | document))


async def _send(document: dict[str, object]) -> None:
    store = MemoryStore(asyncio.get_running_loop().call_soon, Retention())
    it, delivery = subscriptions_of(SETTINGS, store, VirtualClock())
    try:
        await it.add(document)
    except BodyInvalid as refused:
        assert refused.details
        assert all(detail.path.startswith("$") and detail.message for detail in refused.details)
    except Conflict:
        assert document["name"] == "ours"
    again, _ = subscriptions_of(SETTINGS, store, VirtualClock())
    assert again.shown() == it.shown()
    msgspec.json.encode(it.shown())
    assert len([*delivery.subscribers]) == len(it.shown().subscriptions)
