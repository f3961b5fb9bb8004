"""Dry runs of a whole server: what they tell, and that they leave everything as it was."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from strowger.calls.decision import Accepted, RedirectCall
from strowger.calls.identifier import phone_number
from strowger.calls.outside_minutes import TalkTime
from strowger.calls.outside_policy import OutsidePolicy
from strowger.console.errors import BodyInvalid
from strowger.console.simulation import MomentView, SimulationView, question_of
from strowger.events.foretelling import CONTEXT, HIDDEN
from strowger.phones.behaviours import NoAnswer
from strowger.phones.phone import Phone
from strowger.server import DATABASE, Server
from strowger.settings import load

pytestmark = pytest.mark.asyncio

NUMBER, SECOND, HUNTED = "+31201110001", "+31201110002", "+31201110003"
CALLER, OUT, PREMIUM = "+31687654321", "+31612345678", "+31900123456"
ALICE, BOB = "8:acs:r1_alice", "8:acs:r1_bob"

SETTINGS = """
[server]
data_dir = "{data}"
public_url = "https://calls.example:7443"
[listen]
api = ["127.0.0.1:0"]
console = ["127.0.0.1:0"]
sip = ["udp:127.0.0.1:0"]
[tls]
mode = "off"
[sip]
trusted = ["127.0.0.0/8"]
{sip}
[[resource]]
name = "one"
id = "r1"
hosts = ["calls.example"]
keys = ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
on_failure = "application"
[[resource]]
name = "two"
id = "r2"
hosts = ["two.example"]
keys = ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
[[number]]
resource = "one"
e164 = "+31201110001"
[[number]]
resource = "one"
e164 = "+31201110002"
default = "redirect:+31900123456"
default_after = "10s"
[[number]]
resource = "one"
e164 = "+31201110003"
[[number]]
resource = "two"
e164 = "+31201110004"
[[user]]
resource = "one"
name = "alice"
id = "8:acs:r1_alice"
contacts = ["sip:alice@127.0.0.1:5071"]
[[user]]
resource = "one"
name = "bob"
id = "8:acs:r1_bob"
contacts = ["sip:bob@127.0.0.1:5072"]
[[user]]
resource = "one"
name = "eve"
id = "8:acs:r1_eve"
sip_password = "s3cret"
[[group]]
id = "+31201110003"
mode = "in-order"
members = ["alice@20s", "+31612345678@10s"]
[[subscription]]
resource = "one"
name = "app"
endpoint = "http://127.0.0.1:9/events"
headers = ["X-Key: geheim"]
[[subscription]]
resource = "one"
name = "paused"
endpoint = "http://127.0.0.1:9/events"
paused = "on"
[[subscription]]
resource = "one"
name = "outcomes"
endpoint = "http://127.0.0.1:9/outcomes"
channel = "outcomes"
[events]
private_targets = "allow"
[[trunk]]
name = "first"
uri = "{first}"
from = ["192.0.2.0/24"]
caller_id = "owned"
forwarded_as = ["history-info"]
patience = "3s"
options = "off"
[[trunk]]
name = "second"
uri = "sip:127.0.0.42"
priority = 20
options = "off"
[[route]]
kind = "phoneNumber"
match = "+31"
to = ["first", "second"]
[[outside]]
calls_per_minute = 7
"""


def the_server(directory: Path, first: str = "sip:127.0.0.41", sip: str = "") -> Server:
    config = directory / "strowger.toml"
    config.write_text(SETTINGS.format(data=directory / "data", first=first, sip=sip))
    return Server(load(config, {}, {}))


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = the_server(tmp_path)
    await made.start()
    yield made
    await made.stop()


def simulated(server: Server, to: str = NUMBER, *targets: str, **more: Any) -> SimulationView:
    return server.inspection.simulate(question_of({"from": CALLER, "to": to, "targets": list(targets), **more}))


def line(moments: tuple[MomentView, ...]) -> list[tuple[float, str, str, str]]:
    return [(each.at_s, each.opening, each.state, each.to.raw_id.removeprefix("4:")) for each in moments]


# Who calls ----------------------------------------------------------------------------------------------------------


async def test_who_may_call_as_far_as_can_be_known(server: Server) -> None:
    plain, by_trunk = simulated(server), simulated(server, trunk="first")
    assert plain.admission.says == (
        "Where it comes from was not said, by trunk or source: it is taken as of a network that may call."
    )
    assert by_trunk.admission.says == (
        "It comes by the trunk first, which shows by its address or its password who it is."
    )
    trusted, trunk, stranger = (simulated(server, source=each) for each in ("127.0.0.9", "192.0.2.7", "198.51.100.1"))
    assert trusted.admission.says == "127.0.0.9 is of a network that may call unasked ([sip] trusted)."
    assert trunk.admission.says == "192.0.2.7 is of the trunk first."
    assert (stranger.admission.outcome, stranger.admission.status, stranger.is_refused) == ("refused", 407, True)
    assert stranger.refusals[0].startswith("The call is refused with 407: Who calls from 198.51.100.1 has to prove")
    assert (stranger.silent, stranger.decided, stranger.caller) == (None, None, None)
    assert plain.caller is not None
    assert plain.caller.raw_id == f"4:{CALLER}"


@pytest.mark.parametrize(
    ("who", "source", "outcome", "caller"),
    [
        ("eve", "", "if it proves to be eve", "8:acs:r1_eve"),
        ("eve", "198.51.100.1", "if it proves to be eve", "8:acs:r1_eve"),
        ("alice", "", "admitted", ALICE),
        ("alice", "127.0.0.1", "admitted", ALICE),
        ("anonymous", "", "admitted", "4:anonymous"),
        ("sip:carol@example.test", "", "admitted", "sip:carol@example.test"),
    ],
)
async def test_who_the_caller_is_taken_for(server: Server, who: str, source: str, outcome: str, caller: str) -> None:
    found = simulated(server, **{"from": who}, source=source)
    assert found.admission.outcome == outcome
    assert found.caller is not None
    assert found.caller.raw_id == caller


async def test_a_stranger_where_strangers_may_call(tmp_path: Path) -> None:
    made = the_server(tmp_path, sip='strangers = "accept"')
    await made.start()
    assert simulated(made, source="198.51.100.1").admission.says == (
        "198.51.100.1 is a stranger, and strangers may call ([sip] strangers)."
    )
    await made.stop()


async def test_a_call_for_nobody_and_one_that_an_edge_refuses(server: Server) -> None:
    nobody = simulated(server, "+999")
    assert (nobody.admission.status, nobody.is_refused) == (404, True)
    secure = simulated(server, f"sips:{NUMBER}@127.0.0.1")
    assert (secure.admission.status, secure.admission.says) == (416, "Unsupported URI Scheme")
    malformed = simulated(server, **{"from": "sip:a b@c"})
    assert (malformed.admission.status, malformed.is_refused) == (400, True)
    server.exchange.is_draining = True
    assert simulated(server).admission.status == 503


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"trunk": "third"}, "$.trunk"),
        ({"resource": "two"}, "$.resource"),
        ({"headers": {"Via": "x"}}, "$.headers"),
        ({"headers": {"X-A": "a\nb"}}, "$.headers"),
    ],
)
async def test_what_cannot_be_asked(server: Server, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(BodyInvalid) as refused:
        server.inspection.simulate(question_of({"from": CALLER, "to": NUMBER, **changes}))
    assert [each.path for each in refused.value.details] == [path]


# What becomes of it -------------------------------------------------------------------------------------------------


async def test_an_application_that_says_nothing(server: Server) -> None:
    found = simulated(server, displayName="Carol", headers={"X-Shop": "7"}, resource="one")
    assert (found.resource, found.display_name, found.ring_budget_s) == ("one", "Carol", 180.0)
    assert (found.custom_headers, found.is_refused, found.decided) == ({"X-Shop": "7"}, False, None)
    assert found.silent is not None
    assert line(found.silent.moments) == [(0.0, "arrival", "held", NUMBER), (30.0, "arrival", "expired", NUMBER)]
    first, last = found.silent.moments
    assert first.says == f"It arrives for {NUMBER}: its application may decide until 30 s."
    assert first.caller_hears_ringing
    assert last.says == (
        "The caller gets 480 Temporarily Unavailable: the application neither redirected nor rejected the call within "
        "30 s."
    )
    end = found.silent.end
    assert end is not None
    assert (end.at_s, end.status, end.reason) == (30.0, 480, "Temporarily Unavailable")
    assert [(each.subscription, each.is_told) for each in first.events] == [
        ("app", True),
        ("paused", False),
        ("outcomes", False),
    ]
    app = first.events[0]
    assert app.headers["X-Key"] == HIDDEN
    (event,) = app.body
    assert event["subject"] == f"/caller/4:{CALLER}/recipient/4:{NUMBER}"
    assert event["data"]["incomingCallContext"] == CONTEXT
    assert event["data"]["callerDisplayName"] == "Carol"
    assert event["data"]["customContext"]["sipHeaders"] == {"X-Shop": "7"}


async def test_targets_one_after_the_other_with_their_verdicts(server: Server) -> None:
    found = simulated(server, NUMBER, PREMIUM, OUT, "alice", "+4930", HUNTED)
    assert found.decided is not None
    redirects = found.decided.redirects
    assert [(each.outcome, each.at_s, each.status, each.code) for each in redirects] == [
        ("refused", 0.0, 405, "8520"),
        ("redirected", 0.0, 204, ""),
        ("redirected", 60.0, 204, ""),
        ("refused", 120.0, 405, "8520"),
        ("redirected", 120.0, 204, ""),
    ]
    assert redirects[0].says == (
        f"{PREMIUM} is a premium rate number, which one may not redirect to: see [[outside]] costly"
    )
    assert [way.trunk for way in redirects[1].ways] == ["first", "second"]
    assert (redirects[2].ways, redirects[4].ways) == ((), ())
    assert found.refusals == (
        f"The redirect to 4:{PREMIUM} is refused: 8520 {redirects[0].says}",
        f"The redirect to 4:+4930 is refused: 8520 {redirects[3].says}",
    )
    assert line(found.decided.moments) == [
        (0.0, "arrival", "held", NUMBER),
        (0.0, "redirect", "ringing", OUT),
        (60.0, "returned", "held", NUMBER),
        (60.0, "redirect", "ringing", ALICE),
        (120.0, "returned", "held", NUMBER),
        (120.0, "redirect", "ringing", HUNTED),
        (140.0, "hunt", "ringing", HUNTED),
        (150.0, "returned", "held", NUMBER),
        (180.0, "returned", "expired", NUMBER),
    ]
    outside = found.decided.moments[1].rings
    assert [(each.trunk, each.uri, each.is_reserve, each.patience_s) for each in outside] == [
        ("first", f"sip:{OUT}@127.0.0.41", False, 3.0),
        ("second", f"sip:{OUT}@127.0.0.42", True, 0.0),
    ]
    told = {each.name: each.value for each in outside[0].sets}
    assert told["From"] == f"<sip:{NUMBER}@127.0.0.41>;tag=dry-run"
    assert told["History-Info"] == f"<sip:{OUT}@127.0.0.41;cause=302>;index=1.1;mp=1"
    outcomes = [
        event.body[0]["eventType"]
        for moment in found.decided.moments
        for event in moment.events
        if event.subscription == "outcomes" and event.is_told
    ]
    results = ("Ringing", "Failed", "Ringing", "Failed", "Ringing", "Ringing", "Failed")
    assert outcomes == [f"Strowger.Redirect.{each}" for each in results]


async def test_a_default_that_leads_where_no_call_may_go(server: Server) -> None:
    found = simulated(server, SECOND)
    assert found.silent is not None
    assert found.silent.end is not None
    assert (found.silent.end.at_s, found.silent.end.status, found.is_refused) == (10.0, 480, True)
    assert f"by default: redirect to 4:{PREMIUM}, refused: {PREMIUM} is a premium rate number" in found.refusals[0]


async def test_a_target_that_the_application_is_never_asked_for(server: Server) -> None:
    found = simulated(server, "+31201110004", OUT)  # nobody is told of calls of two
    assert found.decided is not None
    assert [(each.outcome, each.status) for each in found.decided.redirects] == [("not asked", 0)]
    assert found.decided.redirects[0].says.startswith("The application is not asked: the caller has got 480 by then")
    assert found.refusals[-1].startswith("The call is refused with 480: nobody can be reached as +31201110004")


# Nothing changes ----------------------------------------------------------------------------------------------------


def plain(value: object) -> object:
    """What is in a count, as plain data."""
    if isinstance(value, TalkTime | OutsidePolicy):
        names = getattr(value, "__slots__", None) or vars(value)
        return {name: plain(getattr(value, name)) for name in names if name != "_refused"}
    if isinstance(value, dict):
        return [(key, plain(each)) for key, each in value.items()]
    return repr(value)


def kept(server: Server) -> list[str]:
    """The whole content of the store."""
    with contextlib.closing(sqlite3.connect(f"file:{server.data_dir / DATABASE}?mode=ro", uri=True)) as database:
        return list(database.iterdump())


def state(server: Server) -> Iterator[object]:
    """Everything that a call could leave behind."""
    yield kept(server)
    yield plain(server.exchange.outside)
    yield [(each.name, each.labels, each.value) for each in server.inspection.samples()]
    yield asdict(server.delivery.counters), server.delivery.waiting(), server.delivery.pending()
    yield repr(server.sip.transports.counters)
    yield [msgspec.json.encode(call) for call in server.exchange._ledger.calls()]
    yield server.exchange.next_deadline(), len(server.sip.edge), server.sip.edge.next_deadline()
    yield [(state.name, state.state, state.why) for state in server.sip.trunks.states()]


async def test_nothing_changes_not_even_beside_a_live_call(tmp_path: Path) -> None:
    target = await Phone.open("udp:127.0.0.1:0", user="target", behaviour=NoAnswer())
    made = the_server(tmp_path, first=target.uri)
    await made.start()
    udp = made.sip_addresses[0]
    phone = await Phone.open(user=CALLER)
    ringing = phone.call(f"sip:{NUMBER}@{udp[4:]}", proxy=udp)
    await ringing.wait_for(180, 5)
    (call,) = made.inspection.calls(1)
    context = made.contexts.issue(call.call_id, 0, "one", call.hop.expires_at)
    decided: list[object] = []
    made.exchange.redirect(RedirectCall("one", context, phone_number(OUT)), decided.append)
    await target.leg(timeout_s=5)
    held = phone.call(f"sip:{NUMBER}@{udp[4:]}", proxy=udp)
    await held.wait_for(180, 5)
    await made.subscriptions.pause("paused")  # as it is: but whatever was to be written is, then
    assert decided == [Accepted(call.call_id)]
    assert list(made.exchange.outside.running()) == [("one", 1)]
    before, received = list(state(made)), len(target.received)
    watched: list[str] = []
    made.inspection.subscribe(lambda call, what: watched.append(what))
    first = simulated(made, NUMBER, OUT, "alice", HUNTED, PREMIUM, "bob")
    for to in (NUMBER, SECOND, HUNTED, "alice", "+999"):
        for who in (CALLER, "alice", "eve", "anonymous"):
            simulated(made, to, OUT, OUT, "bob", **{"from": who})
    assert simulated(made, NUMBER, OUT, "alice", HUNTED, PREMIUM, "bob").decided is not None
    assert (list(state(made)), len(target.received), watched) == (before, received, [])
    assert first.decided is not None
    await made.subscriptions.pause("paused")
    assert (kept(made), len(target.received), len(made.exchange)) == (before[0], received, 2)
    await phone.close()
    await target.close()
    await made.stop()
