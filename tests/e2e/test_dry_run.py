"""A dry run, and the real call that follows it: the same events, the same order, the same headers, the same end."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from strowger.phones.behaviours import NoAnswer
from strowger.sip.message.message import Request
from tests.e2e.carrier import newest
from tests.e2e.stage import Stage, code
from tests.e2e.test_looking import read, strowger
from tests.support.application import IncomingCall
from tests.support.capture import Capture
from tests.support.server import HOST, NUMBER, SECOND_NUMBER, free_ports, until, user_id
from tests.support.sipp import together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 8.0
CALLER, OUT, NOWHERE, PREMIUM = "+31687654321", "+31610000001", "+49301234567", "+31900123456"
TOLD = {"caller_id": "owned", "forwarded_as": ["history-info", "diversion"]}
CHANGING = ("incomingCallContext", "correlationId", "serverCallId", "expiresOn")
"""Members of `data` that are new with each call."""
OF_ONE_CALL = re.compile(r"tag=[^;]*|sip:[0-9a-f]{24}@")
"""What is derived from the caller's tag and Call-ID."""


def dialled(stage: Stage, number: str = NUMBER) -> str:
    """What the caller asks for."""
    return f"sip:{number}@{HOST}:{stage.server.sip_port}"


async def foretold(stage: Stage, *arguments: str, to: str = "", exit_code: int = 0) -> Any:
    """What a dry run of a call says."""
    command = ("route", "test", "--from", CALLER, "--to", to or dialled(stage), "--source", HOST, *arguments)
    if not exit_code:
        return await read(stage, *command)
    return await strowger(stage, *command, exit_code=exit_code)


def lasting(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what is new each time."""
    data = {name: value for name, value in event["data"].items() if name not in CHANGING}
    return {**event, "id": "", "eventTime": "", "data": data}


def events(moments: list[dict[str, Any]], subscription: str) -> list[dict[str, Any]]:
    told = [each for moment in moments for each in moment["events"] if each["is_told"]]
    return [each["body"][0] for each in told if each["subscription"] == subscription]


def outcome(event: dict[str, Any]) -> tuple[str, str, int]:
    data = event["data"]
    return event["eventType"], data["target"]["rawId"], data.get("sipCode", 0)


def assert_as_foretold(invite: Request, caller: Request, rung: dict[str, Any]) -> None:
    """The INVITE on the wire differs from the caller's as was said, and in nothing else."""
    said: dict[str, list[str]] = {}
    for each in rung["sets"]:
        said.setdefault(each["name"].lower(), []).append(each["value"])
    for name in said.keys() - {"via"}:
        values = [line.partition(":")[2].strip() for line in invite.lines_of(name)]
        assert [OF_ONE_CALL.sub("", each) for each in values] == [OF_ONE_CALL.sub("", each) for each in said[name]]
    differing = {name for name in {*invite.names, *caller.names} if invite.lines_of(name) != caller.lines_of(name)}
    assert differing == {*said, *map(str.lower, rung["removes"])}
    assert invite.uri == rung["uri"]


async def test_a_real_call_goes_as_was_foretold(stage: Stage) -> None:
    outside, desk = await stage.phone("outside", NoAnswer()), await stage.phone("desk", NoAnswer())
    await stage.serve(
        users={"desk": [desk.uri]},
        trunks={"first": {"uri": outside.uri, **TOLD}, "second": {"uri": "sip:127.0.0.1:9", "priority": 20}},
        routes=[("phoneNumber", "+316", ["second", "first"])],
        number={"on_failure": "application"},
        limits={"ring": "1s", "hold": "1s", "ring_budget": "8s"},
        subscriptions=[
            {"name": "outcomes", "endpoint": stage.application.url, "channel": "outcomes"},
            {"name": "paused", "endpoint": stage.application.url, "paused": "on"},
            {"name": "filtered", "endpoint": stage.application.url, "subject_ends_with": "nobody"},
        ],
    )
    targets = [OUT, "desk", NOWHERE, SECOND_NUMBER]
    header = ("X-Shop", "7")
    whole = await strowger(
        stage, "route", "test", "--from", CALLER, "--to", dialled(stage), "--header", ": ".join(header), *targets,
        "--source", HOST, "--json", exit_code=1,
    )  # fmt: skip
    found = json.loads(whole)
    course = found["decided"]
    assert [each["code"] for each in course["redirects"]] == ["", "", "8520", ""]

    codes: list[str] = []
    left = list(targets)

    async def decide(event: IncomingCall) -> None:
        while left and event.to == f"4:{NUMBER}":
            try:
                await stage.redirect(event, left.pop(0))
            except HttpResponseError as refused:
                codes.append(code(refused))
            else:
                break

    stage.application.on_call = decide
    caller = await stage.caller()
    call = caller.call(dialled(stage), proxy=stage.server.sip_address, headers=[header])
    final = await call.final(SOON)
    await stage.application.heard(len(events(course["moments"], "app")))

    end = course["end"]
    assert (final.status, final.reason) == (end["status"], end["reason"]) == (480, "Temporarily Unavailable")
    assert (codes, stage.application.failures) == (["8520"], [])
    real = [lasting(each.whole) for each in stage.application.events]
    assert real == [lasting(each) for each in events(course["moments"], "app")]
    untold = {each["subscription"]: each["why"] for each in course["moments"][0]["events"] if not each["is_told"]}
    assert sorted(untold) == ["filtered", "outcomes", "paused"]
    outcomes = [outcome(each) for each in events(course["moments"], "outcomes")]
    await until(lambda: len(stage.application.reports) >= len(outcomes), SOON, "all outcomes are told")
    assert sorted(map(outcome, stage.application.reports)) == sorted(outcomes)
    shown = await newest(stage)
    opened = [each for each in course["moments"] if each is course["moments"][0] or each["opening"] != "arrival"]
    hops = [(hop.to.raw_id, [branch.uri for branch in hop.branches]) for hop in shown.hops]
    said = [
        (each["to"]["raw_id"], [rung["uri"] for rung in each["rings"] if not rung["is_reserve"]])
        for each in opened
        if each["what"] != "deadline"
    ]
    assert hops == said
    (first,), (second,) = (phone.received for phone in (outside, desk))
    assert_as_foretold(first.invite, call.invite, course["moments"][1]["rings"][0])
    assert_as_foretold(second.invite, call.invite, course["moments"][3]["rings"][0])


async def test_what_sipp_sends_leaves_by_a_trunk_as_was_foretold(stage: Stage) -> None:
    port, caller_port = free_ports(2)
    target = await stage.sipp("target", port=port)
    wire = await Capture.open(HOST, port)
    try:
        number = {"number_format": "national", "country_code": "31", "trusted": "on"}
        trunk = {"uri": wire.uri, **TOLD, **number}
        await stage.serve(trunks={"carrier": trunk}, routes=[("phoneNumber", "+316", "carrier")])
        found = await foretold(stage, OUT)
        (rung,) = found["decided"]["moments"][1]["rings"]
        assert rung["goes_to"] == f"udp:{wire.uri.removeprefix('sip:')}"

        async def decide(event: IncomingCall) -> None:
            await stage.redirect(event, OUT)

        stage.application.on_call = decide
        remote = stage.server.sip_port
        caller = await stage.sipp("caller", port=caller_port, remote=remote, keys={"dialled": NUMBER})
        await together(caller, target, timeout_s=20)
        invite = wire.requests("INVITE")[0]
        assert invite.uri == rung["uri"]
        for name in {each["name"] for each in rung["sets"]} - {"Via"}:
            said = [each["value"] for each in rung["sets"] if each["name"] == name]
            real = [line.partition(":")[2].strip() for line in invite.lines_of(name)]
            assert [OF_ONE_CALL.sub("", each) for each in real] == [OF_ONE_CALL.sub("", each) for each in said], name
    finally:
        wire.close()


async def test_a_caller_who_is_refused_and_nobody_is_rung_by_asking(stage: Stage) -> None:
    phone = await stage.phone("desk", NoAnswer())
    await stage.serve(
        users={"desk": [phone.uri]},
        trunks={"trunk": phone.uri},
        routes=[("phoneNumber", "+31", "trunk")],
        sip={"trusted": ["127.0.0.1/32"]},
        outside={},
    )
    elsewhere = await stage.phone(CALLER, host="127.0.0.31")
    told = await strowger(
        stage, "route", "test", "--from", CALLER, "--to", NUMBER, "--source", "127.0.0.31", exit_code=1
    )
    assert told.startswith("Who calls from 127.0.0.31 has to prove who it is, and gets 407 without credentials")
    call = elsewhere.call(dialled(stage), proxy=stage.server.sip_address)
    assert (await call.final(SOON)).status == 407

    refused = await strowger(
        stage, "route", "test", "--from", CALLER, "--to", NUMBER, PREMIUM, "desk", OUT, exit_code=1
    )
    assert f"REFUSED: The redirect to 4:{PREMIUM} is refused: 8520 {PREMIUM} is a premium rate number" in refused
    assert f"rings    {phone.uri} at udp:" in refused
    await foretold(stage, "desk", to=user_id("desk"))
    assert (phone.received, stage.application.events) == ([], [])
    assert await read(stage, "call", "list") == []
    call = stage.call(await stage.caller())
    event = await stage.application.event(0)
    with pytest.raises(HttpResponseError) as error:
        await stage.redirect(event, PREMIUM)
    assert code(error.value) == "8520"
    call.cancel()
    assert (await call.final(SOON)).status == 487
