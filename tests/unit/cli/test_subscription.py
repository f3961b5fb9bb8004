"""`strowger subscription` against the console itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strowger.cli.errors import Misconfigured
from strowger.cli.subscription import rows_of, told
from strowger.console.errors import BodyInvalid, Conflict, Detail
from strowger.console.subscriptions import TestView as TrialView
from tests.support.console import Bench, a_subscription, invoke

SHOWN = "app  dev  http://127.0.0.1:8080/events  valid: echoed the code  added at run time\n"


@pytest.mark.asyncio
async def test_list(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "subscription", "list")
    assert (result.exit_code, result.output) == (0, SHOWN)
    (shown,) = json.loads((await invoke(bench, token_file, "subscription", "list", "--json")).output)
    assert (shown["name"], shown["state"], shown["is_paused"]) == ("app", "valid", False)
    bench.queries.subscriptions.known.clear()
    result = await invoke(bench, token_file, "subscription", "list")
    assert result.output == "No subscriptions: no application is told of calls.\n"


def test_one_subscription_on_one_line() -> None:
    ours = a_subscription(origin="settings", created_at=None, is_paused=True, waiting=1, state="pending", why="")
    assert told(ours) == ["app  dev  http://127.0.0.1:8080/events  pending  paused  1 event waits  from the settings"]
    assert "  failover pending: answered 404  " in told(a_subscription(failover="pending: answered 404"))[0]
    assert "  2 events wait  " in told(a_subscription(waiting=2))[0]
    url = "http://127.0.0.1:7444/subscriptions/validate?code=1"
    assert len(told(a_subscription(validation_url=url, state="pending"))) == 1
    manual = a_subscription(validation_url=url, state="awaiting manual action", why="answered 200")
    assert told(manual)[1] == f"  to consent for it, open {url}"
    assert "\x1b" not in "".join(told(a_subscription(why="\x1b[2J", name="\x1b", endpoint="\x1b", state="\x1b")))


@pytest.mark.asyncio
async def test_show(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "subscription", "show", "a/b")
    assert result.output == SHOWN + (
        '  resource = "dev"\n  name = "app"\n  endpoint = "http://127.0.0.1:8080/events"\n'
    )
    assert bench.queries.subscriptions.asked == [("one", "a/b")]


@pytest.mark.asyncio
async def test_add(bench: Bench, token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_APP", "s3cret")
    rows = ["--set", "schema=cloudevents", "--set", 'advanced_filters=[{"operatorType":"IsNotNull","key":"data.to"}]']
    more = ["--resource", "dev", "--header", "X-Key: env:KEY_OF_APP", "--header", "X-A: 1", "--paused"]
    result = await invoke(bench, token_file, "subscription", "add", "app", "http://x.example/", *rows, *more)
    assert (result.exit_code, result.output) == (0, SHOWN)
    assert bench.queries.subscriptions.asked == [
        (
            "add",
            {
                "name": "app",
                "endpoint": "http://x.example/",
                "resource": "dev",
                "schema": "cloudevents",
                "advanced_filters": [{"operatorType": "IsNotNull", "key": "data.to"}],
                "headers": ["X-Key: s3cret", "X-A: 1"],
                "paused": "on",
            },
        )
    ]


@pytest.mark.asyncio
async def test_what_is_set_holds_before_what_is_guessed(bench: Bench, token_file: Path) -> None:
    await invoke(bench, token_file, "subscription", "add", "app", "--set", "resource=dev")
    assert bench.queries.subscriptions.asked == [("add", {"name": "app", "resource": "dev"})]


@pytest.mark.asyncio
async def test_add_one_whose_events_are_fetched(bench: Bench, token_file: Path) -> None:
    bench.queries.subscriptions.known = [a_subscription(endpoint="")]
    rows = ["--set", "delivery=pull", "--resource", "dev"]
    result = await invoke(bench, token_file, "subscription", "add", "app", *rows)
    assert (result.exit_code, result.output) == (0, SHOWN.replace("http://127.0.0.1:8080/events  ", ""))
    assert bench.queries.subscriptions.asked == [("add", {"name": "app", "delivery": "pull", "resource": "dev"})]


@pytest.mark.asyncio
async def test_a_handshake_is_waited_for(bench: Bench, token_file: Path) -> None:
    waiting, settled = a_subscription(state="validating", why=""), a_subscription()
    bench.queries.subscriptions.known = [waiting]
    asked = bench.queries.subscriptions.one

    def one(name: str) -> Any:
        bench.queries.subscriptions.known = [settled]
        return asked(name)

    bench.queries.subscriptions.one = one  # type: ignore[method-assign]
    result = await invoke(bench, token_file, "subscription", "validate", "app")
    assert result.output == SHOWN
    assert bench.queries.subscriptions.asked == [("validate", "app"), ("one", "app")]


@pytest.mark.asyncio
async def test_update(bench: Bench, token_file: Path) -> None:
    result = await invoke(
        bench, token_file, "subscription", "update", "app", "--set", "endpoint=http://y.example/", "--unset", "headers"
    )
    assert (result.exit_code, result.output) == (0, SHOWN)
    assert bench.queries.subscriptions.asked == [("patch", "app", {"endpoint": "http://y.example/", "headers": None})]
    nothing = await invoke(bench, token_file, "subscription", "update", "app")
    assert (nothing.exit_code, nothing.output) == (
        2, "Error: Nothing is to be changed: give --set, --header or --unset.\n",
    )  # fmt: skip


@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.asyncio
async def test_pause_and_resume(bench: Bench, token_file: Path, verb: str) -> None:
    result = await invoke(bench, token_file, "subscription", verb, "app")
    assert (result.exit_code, result.output) == (0, SHOWN)
    assert bench.queries.subscriptions.asked == [(verb, "app")]


@pytest.mark.asyncio
async def test_test(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "subscription", "test", "app")
    assert (result.exit_code, result.output) == (0, "test-1  delivered in 1.5 ms: answered 200, with 2 octets\n")
    bench.queries.subscriptions.trial = TrialView(
        "app", "test-2", None, is_delivered=False, took_ms=3_000.0, answer_octets=0, why="no answer within 3 s"
    )
    result = await invoke(bench, token_file, "subscription", "test", "app")
    assert (result.exit_code, result.output) == (1, "test-2  not delivered in 3000 ms: no answer within 3 s\n")
    shown = json.loads((await invoke(bench, token_file, "subscription", "test", "app", "--json")).output)
    assert (shown["status"], shown["is_delivered"]) == (None, False)


@pytest.mark.asyncio
async def test_remove(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "subscription", "remove", "app")
    assert result.output == "app is removed; 2 events were given up; its endpoint is told.\n"
    shown = json.loads((await invoke(bench, token_file, "subscription", "remove", "app", "--json")).output)
    assert shown == {"name": "app", "dropped": 2, "is_told": True}


@pytest.mark.asyncio
async def test_a_refusal_is_told_with_everything_that_is_wrong(bench: Bench, token_file: Path) -> None:
    bench.queries.subscriptions.fails_with = Conflict("It is there.")
    result = await invoke(bench, token_file, "subscription", "add", "app", "http://x.example/")
    assert (result.exit_code, result.output) == (1, "Error: It is there.\n")
    details = [Detail("$.resource", "this is required", "text"), Detail("$.endpoint", "no URL\x1b")]
    bench.queries.subscriptions.fails_with = BodyInvalid("Not so.", details)
    result = await invoke(bench, token_file, "subscription", "add", "app", "x")
    first, *lines = result.output.splitlines()
    assert (first, lines[0]) == ("Error: Not so.", "  $.resource: this is required (text)")
    assert "\x1b" not in lines[1]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([], {}),
        (["included_event_types=A,B"], {"included_event_types": ["A", "B"]}),
        (['included_event_types=["A"]'], {"included_event_types": ["A"]}),
        (["endpoint=http://x/?a=b"], {"endpoint": "http://x/?a=b"}),
        (["headers=X-A: 1"], {"headers": ["X-A: 1"]}),
        (["shema=x"], {"shema": "x"}),
    ],
)
def test_rows_are_written_as_in_the_environment(rows: list[str], found: dict[str, object]) -> None:
    assert rows_of([], rows) == found


@pytest.mark.parametrize(
    ("headers", "rows", "why"),
    [
        ([], ["schema"], "--set takes ROW=VALUE, and not 'schema'"),
        ([], ["advanced_filters=[{"], "--set advanced_filters: not JSON"),
        (["X-A"], [], "headers: a header is its name"),
        (["X-A: env:NOT_SET_ANYWHERE"], [], "headers: the environment variable NOT_SET_ANYWHERE is not set"),
    ],
)
def test_rows_that_cannot_be_read(headers: list[str], rows: list[str], why: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        rows_of(headers, rows)
    assert str(refused.value).startswith(why)
