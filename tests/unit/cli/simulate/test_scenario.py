"""Scripted calls to a scripted server: a phone in place of SIP, and the console in front of a few facts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from strowger.calls.call import Call, State
from strowger.cli.admin import Admin
from strowger.cli.errors import Failed
from strowger.cli.simulate.scenario import Callee, Outcome, Scenario, is_number, is_ours, own_address, play, target_uri
from strowger.console.views import view
from strowger.phones.address import Peer
from strowger.phones.behaviours import Answer, Busy, NoAnswer, Script, Silent
from strowger.phones.behaviours import Callee as Leg
from strowger.phones.phone import Phone
from tests.support.console import TOKEN, Bench, a_call, a_redirected_call

pytestmark = pytest.mark.asyncio

NAMES = {"8:acs:res_bob": "bob", "8:acs:res_alice": "alice"}
BOB, ALICE = "8:acs:res_bob", "8:acs:res_alice"


@pytest_asyncio.fixture
async def pbx() -> AsyncIterator[Phone]:
    phone = await Phone.open(user="pbx")
    yield phone
    await phone.close()


def scenario(pbx: Phone, **more) -> Scenario:
    values = {"caller": "+31612345678", "dialled": "+31201110001", "server": pbx.address, "timeout_s": 5.0, **more}
    return Scenario(**values)


def told(bench: Bench, *changes: tuple[Call, str], then: Callable[[Leg], None]) -> Script:
    """A server that tells these changes and then does something about the call."""

    def act(leg: Leg) -> None:
        for call, what in changes:
            bench.queries.happens(call, what)
        then(leg)

    return Script(act)


def redirected() -> Call:
    call = a_redirected_call()
    call.ended_at = 0.0
    return call


async def simulate(bench: Bench, scenario: Scenario) -> Outcome:
    return await asyncio.wait_for(play(scenario, Admin(bench.url(""), TOKEN), NAMES), 10)


async def test_an_answered_call_that_was_redirected(bench: Bench, pbx: Phone) -> None:
    changes = ((a_call(), "hold"), (redirected(), "ring"), (a_redirected_call(), "answered"))
    pbx.behaviour = told(bench, *changes, then=lambda leg: leg.answer())
    outcome = await simulate(bench, scenario(pbx, redirect=BOB, answer=True))
    assert (outcome.reasons, outcome.status) == ((), 200)
    assert outcome.call == view(a_redirected_call())
    assert outcome.lanes == ["+31612345678", "Strowger", "application"]
    assert [arrow.text for arrow in outcome.arrows if arrow.source == "+31612345678"] == ["INVITE", "ACK", "BYE"]
    assert bench.queries.watchers == [] or await asyncio.wait_for(bench.queries.left.wait(), 5)


async def test_a_redirect_is_enough_and_the_caller_gives_up(bench: Bench, pbx: Phone) -> None:
    pbx.behaviour = told(bench, (a_call(), "hold"), (redirected(), "ring"), then=lambda leg: leg.ring())
    playing = asyncio.ensure_future(simulate(bench, scenario(pbx, redirect=BOB.upper())))
    leg = await pbx.leg(timeout_s=5)
    await asyncio.wait_for(leg.ended.wait(), 5)
    bench.queries.happens(a_redirected_call(), "cancel")
    outcome = await playing
    assert (outcome.reasons, outcome.status, leg.cancelled) == ((), None, True)


async def test_redirected_to_somebody_else(bench: Bench, pbx: Phone) -> None:
    changes = ((a_call(), "hold"), (redirected(), "ring"), (a_redirected_call(), "answered"))
    pbx.behaviour = told(bench, *changes, then=lambda leg: leg.answer())
    outcome = await simulate(bench, scenario(pbx, redirect=ALICE))
    assert outcome.reasons == ("the call was not redirected to alice but to bob",)


async def test_ended_before_it_was_redirected(bench: Bench, pbx: Phone) -> None:
    ended = a_call(state=State.EXPIRED, ended_at=1_767_225_630.0, final_status=480, why="nobody decided")
    changes = ((a_call(), "hold"), (ended, "deadline"))
    pbx.behaviour = told(bench, *changes, then=lambda leg: leg.reject(480))
    outcome = await simulate(bench, scenario(pbx, redirect=BOB, answer=True))
    assert outcome.reasons == (
        "the call was not redirected to bob: it ended with 480, nobody decided",
        "nobody answered: the caller got 480 Temporarily Unavailable: nobody decided",
    )


async def test_nobody_decides_in_time(bench: Bench, pbx: Phone) -> None:
    pbx.behaviour = told(bench, (a_call(), "hold"), then=lambda leg: leg.ring())
    playing = asyncio.ensure_future(simulate(bench, scenario(pbx, redirect=BOB, answer=True, timeout_s=0.1)))
    await asyncio.wait_for((await pbx.leg(timeout_s=5)).ended.wait(), 5)
    bench.queries.happens(a_call(state=State.CANCELLED, ended_at=1.0, final_status=487), "cancel")
    assert (await playing).reasons == (
        "the call was not redirected to bob within 0.1 s: it is still held (strowger call why 7f3a0000)",
        "nobody answered: after 0.1 s the caller has heard 180 Ringing",
    )


async def test_a_call_that_the_server_refused(bench: Bench, pbx: Phone) -> None:
    pbx.behaviour = Busy()
    outcome = await simulate(bench, scenario(pbx, redirect=BOB, timeout_s=0.1))
    expected = "the call was not redirected to bob: the server told of no such call, and the caller got 486 Busy Here"
    assert outcome.reasons == (expected,)


async def test_without_expectations_a_refusal_is_not_as_expected(pbx: Phone) -> None:
    pbx.behaviour = Busy()
    outcome = await play(scenario(pbx), None, NAMES)
    assert (outcome.reasons, outcome.status, outcome.call) == (("the caller got 486 Busy Here",), 486, None)
    assert [arrow.text for arrow in outcome.arrows] == ["INVITE", "486 Busy Here", "ACK"]


async def test_nothing_at_all_is_never_as_expected(pbx: Phone) -> None:
    pbx.behaviour = Silent()
    outcome = await play(scenario(pbx, timeout_s=0.05), None, NAMES)
    assert outcome.status is None
    assert outcome.reasons == (f"nothing answers SIP at {pbx.address}; the server may not be running there",)


async def test_the_caller_hangs_up_before_the_answer(pbx: Phone) -> None:
    pbx.behaviour = NoAnswer()
    outcome = await play(scenario(pbx, hangs_up_after_s=0.02), None, NAMES)
    assert (outcome.reasons, outcome.status) == ((), 487)
    assert pbx.received[0].cancelled


async def test_the_caller_hangs_up_after_the_answer(pbx: Phone) -> None:
    pbx.behaviour = Answer()
    outcome = await play(scenario(pbx, hangs_up_after_s=0.02, answer=True), None, NAMES)
    assert (outcome.reasons, outcome.status, pbx.received[0].byes) == ((), 200, 1)


async def test_callees_stand_in_for_users(pbx: Phone) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        uri = f"sip:bob@127.0.0.1:{free.getsockname()[1]}"
    called: list[str] = []

    def pass_on(leg: Leg) -> None:
        called.append("called")
        pbx.call(uri)
        leg.reject(486)

    pbx.behaviour = Script(pass_on)
    outcome = await play(scenario(pbx, callees=(Callee("bob", (uri,), Busy()),)), None, NAMES)
    assert outcome.lanes[-1] == "bob"
    assert called == ["called"]


async def test_a_callee_whose_address_is_taken(pbx: Phone) -> None:
    callee = Callee("bob", (pbx.uri,), Busy())
    with pytest.raises(Failed, match=r"^A phone for bob cannot listen on udp:127.0.0.1:\d+: "):
        await play(scenario(pbx, callees=(callee,)), None, NAMES)


async def test_a_server_that_tells_nothing(pbx: Phone) -> None:
    with pytest.raises(Failed, match="No server answers at"):
        await play(scenario(pbx), Admin("http://127.0.0.1:1", TOKEN), NAMES)


@pytest.mark.parametrize(
    ("caller", "dialled_ids", "ours"),
    [
        ("+31612345678", frozenset({"4:+31201110001"}), True),
        ("+31612345678", frozenset(), True),
        ("carol", frozenset({"4:+31201110001"}), True),
        ("+31600000000", frozenset({"4:+31201110001"}), False),
        ("+31612345678", frozenset({"4:+31201110002"}), False),
    ],
)
async def test_which_call_is_ours(caller: str, dialled_ids: frozenset[str], ours: bool) -> None:
    wanted = Scenario(caller, "+31201110001", "udp:127.0.0.1:5060", dialled_ids=dialled_ids)
    assert is_ours(view(a_call()), wanted) is ours


async def test_who_is_called_where() -> None:
    assert target_uri("+31201110001", "udp:127.0.0.1:5060") == "sip:+31201110001@127.0.0.1:5060"
    assert target_uri("a b@c", "tcp:[::1]:5060") == "sip:a%20b%40c@[::1]:5060"
    assert is_number("+31612345678")
    assert not is_number("alice")
    assert own_address(Peer("UDP", "127.0.0.1", 5060)) == "127.0.0.1"
    with pytest.raises(Failed, match=r"There is no way to 999\.999"):
        own_address(Peer("UDP", "999.999.999.999", 5060))
