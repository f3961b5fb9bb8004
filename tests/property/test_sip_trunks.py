"""Trunks and locations under anything: shares follow weights, nobody is lost, nothing is rung twice."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strowger.calls.call import Branch
from strowger.sip import failover
from strowger.sip.leg import Fork
from strowger.sip.location.weighted import in_order
from strowger.sip.message import Request
from strowger.sip.trunk.health import Health, HealthPolicy, SendOptions, WentDown, WentUp
from strowger.sip.trunk.history_info import add_history, hide_history
from strowger.sip.trunk.numbers import NumberFormat
from strowger.sip.trunk.origin import Origins
from strowger.sip.trunk.passage import Cause, Step


class Choice(NamedTuple):
    name: int
    priority: int
    weight: int


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 65_535)), max_size=12), st.integers())
@settings(max_examples=200)
def test_the_order_is_by_priority_and_loses_nobody(pairs: list[tuple[int, int]], seed: int) -> None:
    choices = [Choice(name, *pair) for name, pair in enumerate(pairs)]
    ordered = in_order(choices, random.Random(seed).random)
    assert sorted(ordered) == sorted(choices)
    assert [choice.priority for choice in ordered] == sorted(choice.priority for choice in choices)


@given(st.lists(st.integers(1, 100), min_size=2, max_size=5), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_shares_are_those_of_the_weights(weights: list[int], seed: int) -> None:
    draws, draw = 2_000, random.Random(seed).random
    choices = [Choice(name, 0, weight) for name, weight in enumerate(weights)]
    firsts = [in_order(choices, draw)[0].name for _ in range(draws)]
    for choice in choices:
        share = choice.weight / sum(weights)
        # Five standard deviations of a share: once in two million.
        assert firsts.count(choice.name) / draws == pytest.approx(share, abs=5 * (share * (1 - share) / draws) ** 0.5)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([100, 180, 200, 408, 486, 503, 603])), max_size=20))
@settings(max_examples=300)
def test_nobody_is_tried_after_somebody_rang_there_and_nobody_twice(heard: list[tuple[int, int]]) -> None:
    reserve = tuple(Branch(f"sip:{n}@t.example", str(n)) for n in range(1, 4))
    fork = Fork("call", 0, [Branch("sip:0@t.example", "0")], 0.0, 185.0, reserve=reserve)
    rang: set[int] = set()
    for number, status in heard:
        if number >= len(fork.attempts):
            continue
        attempt = fork.attempts[number]
        failover.heard(attempt, status)
        if 100 < status < 300:
            rang.add(number)
        if status >= 300 and failover.goes_on(fork, attempt, status):
            assert number not in rang
            following = failover.take_next(fork, attempt)
            following.number = len(fork.attempts)
            fork.attempts.append(following)
    assert [each.branch.trunk for each in fork.attempts] == [str(n) for n in range(len(fork.attempts))]
    assert [each.branch.replaces for each in fork.attempts] == list(range(-1, len(fork.attempts) - 1))


@given(st.lists(st.tuples(st.sampled_from(["good", "bad", "hold", "wait", "call", "refused"]), st.floats(0, 20))))
@settings(max_examples=300)
def test_up_and_down_alternate_and_a_dead_trunk_is_always_asked_again(happened: Sequence[tuple[str, float]]) -> None:
    health, now, number, was_up = Health(HealthPolicy(), 0.0, lambda: 0.5), 0.0, 0, True
    for what, seconds in happened:
        now += seconds
        outputs = list(health.advance(now))
        number = next((each.number for each in outputs if isinstance(each, SendOptions)), number)
        if what == "good":
            outputs += health.options_answered(number, 200, None, now)
        elif what == "bad":
            outputs += health.options_failed(number, "refused", now)
        elif what == "hold":
            outputs += health.call_answered(503, 1 + seconds, now)
        elif what == "call":
            outputs += health.call_answered(180, None, now)
        elif what == "refused":
            outputs += health.call_failed("refused", now)
        for output in outputs:
            if isinstance(output, WentUp | WentDown):
                assert isinstance(output, WentUp) is not was_up
                was_up = isinstance(output, WentUp)
        assert health.is_usable is was_up
        deadline = health.next_deadline()
        assert deadline is not None
        assert deadline <= now + HealthPolicy().hold_ceiling_s


@given(
    st.lists(
        st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=8, unique_by=lambda each: each[0] >> 24
    ),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=200)
def test_the_smallest_network_decides(written: list[tuple[int, int]], source: int) -> None:
    networks = {ipaddress.ip_network((address, length), strict=False) for address, length in written}
    origins = Origins([(str(network), [str(network)]) for network in networks])
    address = ipaddress.ip_address(source)
    holding = [network for network in networks if address in network]
    expected = str(max(holding, key=lambda network: network.prefixlen)) if holding else None
    assert origins.trunk_of(str(address)) == expected


@given(
    st.text("0123456789", min_size=8, max_size=15).filter(lambda digits: digits[0] != "0"),
    st.sampled_from(
        [NumberFormat("digits"), NumberFormat("national", "31"), NumberFormat("national", "1", "1", "011")]
    ),
)
def test_numbers_come_back_as_they_went(digits: str, form: NumberFormat) -> None:
    if form.national_prefix == "1" and digits.startswith("1"):
        digits = f"1{digits[1:].lstrip('0') or '2'}5550100"
    assert form.from_trunk(form.to_trunk(f"+{digits}")) == f"+{digits}"


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40), max_size=4))
@settings(max_examples=300)
def test_any_history_passes_or_is_continued(came: list[str]) -> None:
    request = Request.make("INVITE", "sip:a@b", [("History-Info", value) for value in came])
    before = request.all("History-Info")
    add_history(request, [Step("sip:a@b", Cause.BUSY)], "sip:c@d")
    assert request.all("History-Info")[: len(before)] == before
    request.append("Privacy", "history")
    hide_history(request)
    values = request.values("History-Info")
    assert all(value.startswith("<sip:anonymous@anonymous.invalid>") for value in values)
