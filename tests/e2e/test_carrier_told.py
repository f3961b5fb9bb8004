"""What a carrier is told of a call, read off the wire: who calls, how it came here, how numbers are written."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from strowger.phones.behaviours import NoAnswer
from strowger.phones.incoming import LegState
from strowger.sip.message.address import Address
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri
from tests.e2e.carrier import carrier, redirected
from tests.e2e.stage import Stage
from tests.support.server import HOST, NUMBER, OUTSIDE, SECOND_NUMBER

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
CALLER = "+31687654321"
INSIDE = "127.0.0.31"
"""Where a trusted trunk lives whose calls we pass on."""
ASSERTED = ("P-Asserted-Identity", f"<sip:{CALLER}@{INSIDE}>")
TRUNK_NUMBER = "+31201119999"
ELSEWHERE = "<sip:+31207654321@elsewhere.example>"
ROWS: dict[str, Any] = {}
"""A trunk as it is without settings."""


class Told(NamedTuple):
    """One call as it left for a carrier."""

    invite: Request
    """As the carrier got it."""
    heard: Request
    """As the phone behind the carrier got it."""
    caller: Request
    """As the caller sent it."""


async def told(
    stage: Stage, trunks: list[dict[str, Any]], *headers: tuple[str, str], from_inside: bool = False
) -> list[Told]:
    """What becomes of a call that is redirected to each of these trunks and answered there; they lead to one carrier.

    It is a call from a trusted trunk, if it comes `from_inside`.
    """
    a = await carrier(stage)
    inside = {"uri": f"sip:{INSIDE}", "from": [f"{INSIDE}/32"], "trusted": "on"}
    rows = {f"trunk-{place}": a.rows(**each) for place, each in enumerate(trunks)}
    routes: list[tuple[str, str, str | list[str]]] = [
        ("phoneNumber", outside(place), name) for place, name in enumerate(rows)
    ]
    await stage.serve(trunks=rows | ({"inside": inside} if from_inside else {}), routes=routes)
    caller = await stage.phone(CALLER, host=INSIDE if from_inside else HOST)
    found = []
    for place in range(len(trunks)):
        call = await redirected(stage, headers, caller=caller, target=outside(place))
        assert (await call.final(SOON)).status == 200
        assert {each.first("From") for each in call.responses} == {call.invite.first("From")}
        assert await call.hang_up() == 200
        assert a.invites[-1].from_tag == call.from_tag
        found.append(Told(a.invites[-1], a.phone.received[-1].invite, call.invite))
    assert len(a.invites) == len(a.phone.received) == len(trunks)
    return found


def outside(place: int) -> str:
    """A number that only the trunk in this place leads to."""
    return f"+3161234567{place}"


def number_in(value: str | None) -> str:
    """The user part of an address."""
    return SipUri.parse(Address.parse(value or "").uri).user_unescaped or ""


# How it came here ----------------------------------------------------------------------------------------------------


async def test_how_a_call_was_forwarded_is_told_as_configured(stage: Stage) -> None:
    ways: list[list[str]] = [[], ["history-info"], ["diversion"], ["history-info", "diversion"]]
    calls = await told(stage, [{"forwarded_as": each} for each in ways])
    for forwarded_as, (invite, heard, caller) in zip(ways, calls, strict=True):
        history = [f"<{caller.uri}?Reason=SIP%3Bcause%3D302>;index=1", f"<{invite.uri};cause=302>;index=1.1;mp=1"]
        diversion = [f"<{caller.uri}>;reason=unconditional;counter=1;privacy=off"]
        assert invite.values("History-Info") == (history if "history-info" in forwarded_as else [])
        assert invite.values("Diversion") == (diversion if "diversion" in forwarded_as else [])
        for name in ("History-Info", "Diversion"):
            assert heard.lines_of(name) == invite.lines_of(name)


async def test_each_step_of_a_chain_of_redirects_is_told(stage: Stage) -> None:
    a = await carrier(stage)
    await stage.serve(trunks={"trunk": a.rows(forwarded_as=["history-info", "diversion"])})
    call = await redirected(stage, target=SECOND_NUMBER)
    await stage.redirect(await stage.application.event(1))
    assert (await call.final(SOON)).status == 200
    (invite,) = a.invites
    history = [Address.parse(value) for value in invite.values("History-Info")]
    places = [(each.params.get("index"), each.params.get("mp")) for each in history]
    assert places == [("1", None), ("1.1", "1"), ("1.2", "1.1")]
    assert [SipUri.parse(each.uri).user_unescaped for each in history] == [NUMBER, SECOND_NUMBER, OUTSIDE]
    assert [number_in(value) for value in invite.values("Diversion")] == [SECOND_NUMBER, NUMBER]


async def test_what_was_told_before_stays(stage: Stage) -> None:
    before = [("Diversion", f"{ELSEWHERE};reason=user-busy;counter=1"), ("History-Info", f"{ELSEWHERE};index=1")]
    both = {"forwarded_as": ["history-info", "diversion"]}
    silent, telling = (each.invite for each in await told(stage, [ROWS, both], *before))
    for name, value in before:
        assert silent.lines_of(name) == [f"{name}: {value}"]
    assert telling.values("Diversion")[1:] == [before[0][1]]
    assert telling.values("History-Info")[0] == before[1][1]
    assert len(telling.values("Diversion")) == 2
    assert len(telling.values("History-Info")) == 3


# Who calls -----------------------------------------------------------------------------------------------------------


async def test_the_caller_is_shown_as_configured(stage: Stage) -> None:
    policies = {"pass": CALLER, "trunk": TRUNK_NUMBER, "owned": NUMBER}
    calls = await told(stage, [{"caller_id": each, "number": TRUNK_NUMBER} for each in policies])
    for (invite, heard, caller), shown in zip(calls, policies.values(), strict=True):
        assert number_in(invite.first("From")) == number_in(heard.first("From")) == shown
        if shown == CALLER:
            assert invite.lines_of("From") == caller.lines_of("From")
            assert not invite.has("P-Asserted-Identity")  # a stranger's word, and it gave none
        else:
            assert number_in(invite.first("P-Asserted-Identity")) == shown


async def test_a_private_caller_stays_so_outside_of_our_trust(stage: Stage) -> None:
    policies = [ROWS, {"caller_id": "trunk", "number": TRUNK_NUMBER}]
    plain, owned = await told(stage, policies, ASSERTED, ("Privacy", "id"), from_inside=True)
    assert not plain.invite.has("P-Asserted-Identity")
    assert number_in(owned.invite.first("P-Asserted-Identity")) == TRUNK_NUMBER  # ours, and no secret of the caller
    for invite, heard, _ in (plain, owned):
        assert number_in(invite.first("From")) == number_in(heard.first("From")) == "anonymous"
        invite.remove("Contact")  # the caller's own address, which only `Privacy: header` asks to be hidden
        assert CALLER not in invite.to_bytes().decode("latin-1")


async def test_a_trusted_carrier_is_told_in_confidence(stage: Stage) -> None:
    (each,) = await told(stage, [{"trusted": "on"}], ASSERTED, ("Privacy", "id"), from_inside=True)
    assert each.invite.values("P-Asserted-Identity") == [ASSERTED[1]]
    assert each.invite.values("Privacy") == ["id"]
    assert number_in(each.invite.first("From")) == CALLER


async def test_nobody_asserts_who_is_not_believed(stage: Stage) -> None:
    for each in await told(stage, [ROWS, {"trusted": "on"}], ASSERTED):
        assert not each.invite.has("P-Asserted-Identity")


# What passes ---------------------------------------------------------------------------------------------------------


async def test_a_signature_of_the_caller_passes_byte_for_byte(stage: Stage) -> None:
    value = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln;info=<https://cert.example/a.pem> ;alg=ES256;  ppt=shaken"
    trunks = [ROWS, {"caller_id": "owned", "forwarded_as": ["history-info", "diversion"]}]
    for invite, heard, _ in await told(stage, trunks, ("Identity", value)):
        assert invite.lines_of("Identity") == heard.lines_of("Identity") == [f"Identity: {value}"]


async def test_a_call_too_long_for_a_datagram_reaches_the_carrier_over_tcp(stage: Stage) -> None:
    """As calls with a signature often are; RFC 3261 §18.1.1."""
    a, identity = await carrier(stage), f"{'e' * 1_200};info=<https://cert.example/a.pem>"
    await stage.serve(trunks={"trunk": a.rows(uri=a.kamailio.uri)})
    call = await redirected(stage, [("Identity", identity)])
    assert (await call.final(SOON)).status == 200
    leg = await a.phone.leg(timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    _, ours, *_ = leg.invite.values("Via")
    assert ours.startswith("SIP/2.0/TCP ")
    assert leg.invite.lines_of("Identity") == [f"Identity: {identity}"]


async def test_max_forwards_is_counted_down_and_not_begun_anew(stage: Stage) -> None:
    (each,) = await told(stage, [ROWS], ("Max-Forwards", "17"))
    assert (each.invite.first("Max-Forwards"), each.heard.first("Max-Forwards")) == ("16", "15")


async def test_numbers_are_written_as_the_carrier_wants_them(stage: Stage) -> None:
    formats: list[tuple[dict[str, Any], str]] = [
        ({}, "+31612345670"),
        ({"number_format": "digits"}, "31612345671"),
        ({"number_format": "national", "country_code": "31"}, "0612345672"),
        ({"number_format": "national", "country_code": "1", "international_prefix": "011"}, "01131612345673"),
        ({"prefix": "9"}, "9+31612345674"),
        ({"number_format": "digits", "prefix": "0"}, "031612345675"),
    ]
    calls = await told(stage, [rows for rows, _ in formats])
    dialled = [SipUri.parse(each.invite.uri).user_unescaped for each in calls]
    assert dialled == [written for _, written in formats]


async def test_a_shown_number_is_written_so_too(stage: Stage) -> None:
    rows = {"caller_id": "owned", "number_format": "national", "country_code": "31", "prefix": "9"}
    (each,) = await told(stage, [rows])
    assert number_in(each.invite.first("From")) == NUMBER.replace("+31", "0")


# What the caller is told ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notice", ["off", "on"])
async def test_the_caller_hears_that_its_call_is_forwarded_if_that_is_wanted(stage: Stage, notice: str) -> None:
    a = await carrier(stage, "a", NoAnswer())
    await stage.serve(trunks={"trunk": a.rows()}, sip={"forwarding_notice": notice})
    call = await redirected(stage)
    (await a.phone.leg(timeout_s=SOON)).answer()
    assert (await call.final(SOON)).status == 200
    assert [each.status for each in call.responses].count(181) == (notice == "on")
