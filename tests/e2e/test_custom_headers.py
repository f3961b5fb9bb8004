"""The caller's own headers: in the events as an SDK reads them, after a crash too, and at the target as they came."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from azure.eventgrid import EventGridEvent

from strowger.phones.behaviours import Answer
from tests.e2e.stage import Stage
from tests.e2e.wire import Wire
from tests.support.application import IncomingCall
from tests.support.server import NUMBER, STROWGER

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
HEADERS = [
    ("User-To-User", "56a390f3d2b7310023a2;encoding=hex"),
    ("X-MS-Custom-Tier", 'gold "A"'),
    ("x-account", "47"),
    *((f"X-MS-Custom-{n}", str(n)) for n in range(5)),
    ("X-Note", "n" * 257),
]
SHOWN = dict(HEADERS[:7])


def read(event: IncomingCall) -> Any:
    """The custom context, as an application gets at it with the SDK of Event Grid."""
    return EventGridEvent.from_dict(event.whole).data["customContext"]


def why(stage: Stage, call_id: str) -> dict[str, Any]:
    config = str(stage.directory / "strowger.toml")
    command = [str(STROWGER), "call", "why", call_id, "--json", "--config", config]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


async def test_every_event_shows_them_and_the_target_gets_them_all(stage: Stage) -> None:
    bob = await stage.phone("bob", Answer())
    await stage.serve(users={"bob": [bob.uri]})
    caller = await stage.caller()
    call = caller.call(
        f"sip:{NUMBER}@127.0.0.1:{stage.server.sip_port}", proxy=stage.server.sip_address, headers=HEADERS
    )
    first = await stage.application.event(0)
    assert read(first) == {"sipHeaders": SHOWN, "voipHeaders": {}}
    stage.server.kill()
    await stage.server.start()
    await stage.redirect(first, "bob")
    assert read(await stage.application.event(1)) == read(first)
    assert (await call.final(SOON)).status == 200
    (leg,) = bob.received
    for name, value in HEADERS:
        assert f"{name}: {value}" in leg.invite.lines
    assert why(stage, first.correlation_id)["notes"] == [
        "Left out of its events: X-MS-Custom-4: it comes after 5 other X-MS-Custom-* headers, which is the most.",
        "Left out of its events: X-Note: its value is longer than 256 characters.",
    ]


async def test_what_is_no_text_breaks_neither_the_event_nor_the_log(stage: Stage) -> None:
    await stage.serve()
    with Wire(stage.server.sip_port) as wire:
        invite = wire.request("INVITE", NUMBER, extra="X-A: here\r\nX-B: there\r\nX-C: \"}],\r\n")
        wire.send(invite.replace(b"here\r\nX-B", b"\xff\xfe\r\nX-B").replace(b"there", b"\x1b[2J\x00"))
        await wire.response(180)
    event = await stage.application.event(0)
    assert read(event) == {"sipHeaders": {"X-C": '"}],'}, "voipHeaders": {}}
    assert [note.split(": ", 1)[1] for note in why(stage, event.correlation_id)["notes"]] == [
        "X-A: its value is not UTF-8.",
        "X-B: its value holds control characters.",
    ]
    assert "\x1b" not in stage.log
