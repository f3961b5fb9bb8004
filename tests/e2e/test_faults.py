"""What goes wrong between a caller, us and a target, played by SIPp: the faults of networks, phones and people.

Each play calls a user of its own at one server, whose timers are a tenth as long (T1 50 ms, so 64*T1 3.2 s) and whose
Timer C is two seconds. A caller insists on what its scenario says and on nothing else: a second final response fails
it. SIPp repeats nothing by itself where a play is about repeats.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import pytest_asyncio

from tests.e2e.stage import Stage
from tests.support.server import HOST, free_ports, user_id
from tests.support.sipp import SCENARIOS, together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

LONGEST_S = 12.0
BY_HAND = ("-nr",)
"""Nothing is repeated but by the scenario."""
UNHEARD = ("-nr", "-default_behaviors", "all,-abortunexp")
"""The same, and what comes too early is passed over."""


class Play(NamedTuple):
    caller: str
    target: str = ""
    """Nobody is rung without one."""
    options: tuple[str, ...] = BY_HAND
    of_target: tuple[str, ...] = ()
    events: int = 1
    over: str = "udp"
    """Where the target listens."""


PLAYS = [
    Play("invite_storm", "answering", UNHEARD),
    Play("trying_lost", "slow_to_try"),
    Play("calling", "ringing_lost"),
    Play("calling", "ringing_late"),
    Play("refused_ack_duplicated", "busy_lost", of_target=BY_HAND),
    Play("busy_unheard", "busy"),
    Play("ack_never", "busy", UNHEARD),  # the seventh 486 may come just before the end
    Play("ack_duplicated", "three_acks", of_target=BY_HAND),
    Play("cancel_twice", "cancelled"),
    Play("cancel_unmatched", "answering"),
    Play("cancel_after_answer", "answering"),
    Play("cancelling", "stubborn"),
    Play("cancelling_early", "slow_to_ring"),
    Play("answer_unheard", "answer_lost"),
    Play("bye_before_ack", "bye_first", of_target=BY_HAND),
    Play("glare", "glaring", of_target=BY_HAND),
    Play("merged", "answering"),
    Play("proxy_require", events=0),
    Play("require", "bad_extension"),
    Play("hears_302", "moved"),
    Play("hears_408", "silent"),  # Timer B
    Play("hears_408", "cancelled"),  # Timer C
    Play("never_408", "deaf_in_dialog"),
    Play("hears_forks", "forked_ringing"),
    Play("rport", "answering"),
    Play("identity", "identified"),
    Play("large", "answering", over="tcp"),
    Play("large", "answering"),  # nobody listens on TCP: RFC 3261 §18.1.1 goes back to UDP
]


FILES = {path.stem for path in SCENARIOS.glob("*.xml")}


def name_of(play: Play) -> str:
    name = f"{play.caller}.{play.target or 'nobody'}.{play.over}"
    return name.replace("_", "-")  # the user part of an id begins after _


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    stage = Stage(tmp_path_factory.mktemp("faults"))
    await stage.application.start()
    try:
        ports = dict(zip(map(name_of, PLAYS), free_ports(len(PLAYS)), strict=True))
        users = {name: [f"sip:target@{HOST}:{port}"] for name, port in ports.items()}
        await stage.serve(users=users, sip={"t1": "50ms", "timer_c": "2s"})
        yield House(stage, ports)
    finally:
        await stage.close()


class House(NamedTuple):
    stage: Stage
    ports: dict[str, int]
    """Where the target of each play is."""


@pytest.mark.parametrize("play", PLAYS, ids=name_of)
async def test_a_fault(house: House, play: Play) -> None:
    stage, name = house.stage, name_of(play)
    runs = []
    if play.target:
        port = house.ports[name]
        runs.append(await stage.sipp(play.target, port=port, transport=play.over, options=play.of_target))
    (port,) = free_ports(1)
    server = stage.server.sip_port
    runs.append(
        await stage.sipp(play.caller, port=port, remote=server, keys={"dialled": name}, options=play.options)
    )
    await together(*runs, timeout_s=LONGEST_S)
    told = [event for event in stage.application.events if event.to == user_id(name)]
    assert len(told) == play.events
    assert "Traceback" not in stage.server.log


async def test_every_scenario_is_played() -> None:
    elsewhere = {"caller", "target", "mute", "told_of_forwarding", "challenging", "challenging_itself"}
    elsewhere |= {"out_of_service", "rings_and_fails", "hears_500", "completed_elsewhere"}
    elsewhere |= {"caller_hung_up", "target_hanging_up", "nobody_decides", "busy_with_cause"}
    played = {scenario for play in PLAYS for scenario in (play.caller, play.target) if scenario}
    assert played | elsewhere == FILES


async def test_nothing_is_left_of_them(house: House) -> None:
    """Told to stop, the server waits for its calls to end: there is none to wait for."""
    assert house.stage.server.terminate() == 0
    assert "Traceback" not in house.stage.server.log
