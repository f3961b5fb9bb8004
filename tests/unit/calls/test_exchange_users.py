"""Decisions of users: about calls that are for them just now, and for no other call is there an answer that tells
anything.
"""

from __future__ import annotations

import random

import pytest

from strowger.calls.context import ContextSigner
from strowger.calls.decision import Accepted, RedirectCall, RejectCall
from strowger.calls.errors import CallError, ContextForeign, ContextMalformed, HopClosed
from strowger.calls.identifier import phone_number
from tests.support.exchange import ALICE, BOB, NUMBER, OTHER_NUMBER, OUTSIDE, Bench, user

GUESSES = 10_000


def redirect(
    bench: Bench, context: str, by: str, to: str = OUTSIDE, *, resource: str = "dev", flush: bool = True
) -> list[Accepted | CallError]:
    answers: list[Accepted | CallError] = []
    target = phone_number(to) if to.startswith("+") else user(to)
    bench.exchange.redirect(RedirectCall(resource, context, target, None, by), answers.append)
    if flush:
        bench.store.flush()
    return answers


def reject(bench: Bench, context: str, by: str) -> list[Accepted | CallError]:
    answers: list[Accepted | CallError] = []
    bench.exchange.reject(RejectCall("dev", context, user=by), answers.append)
    bench.store.flush()
    return answers


def said(answers: list[Accepted | CallError]) -> tuple[type, str]:
    """What an application can see of a refusal."""
    (answer,) = answers
    return type(answer), str(answer)


def unknown(bench: Bench, by: str) -> tuple[type, str]:
    """What is said of a call that never was."""
    return said(redirect(bench, ContextSigner(b"s" * 32).issue("nobody", 0, "dev", 0.0), by))


@pytest.mark.parametrize("by", [ALICE, ALICE.upper()])
def test_a_user_decides_about_a_call_to_it(by: str) -> None:
    bench = Bench()
    for decide in (redirect, reject):
        context = bench.context(bench.arrive("alice"))
        (answer,) = decide(bench, context, by)
        assert isinstance(answer, Accepted)


def test_a_call_to_a_number_or_to_another_user_does_not_exist_for_a_user() -> None:
    bench = Bench()
    for dialled in (NUMBER, "bob"):
        context = bench.context(bench.arrive(dialled))
        bench.take()
        for decide in (redirect, reject):
            assert said(decide(bench, context, ALICE)) == unknown(bench, ALICE)
        assert bench.take() == []
        assert isinstance(redirect(bench, context, "")[0], Accepted)  # the resource still may


def test_a_call_that_went_on_does_not_exist_for_whom_it_was_for_before() -> None:
    bench = Bench()
    call_id = bench.arrive("alice")
    first = bench.context(call_id)
    assert isinstance(redirect(bench, first, ALICE, BOB)[0], Accepted)
    assert said(redirect(bench, first, ALICE)) == unknown(bench, ALICE)
    assert said(redirect(bench, bench.context(call_id, 1), ALICE)) == unknown(bench, ALICE)
    assert isinstance(redirect(bench, first, BOB)[0], HopClosed)  # it is for Bob now, under another context
    assert isinstance(reject(bench, bench.context(call_id, 1), BOB)[0], Accepted)
    assert said(reject(bench, bench.context(call_id, 1), BOB)) == unknown(bench, BOB)


def test_a_stranger_to_a_call_does_not_wait_for_its_commit() -> None:
    bench = Bench()
    context = bench.context(bench.arrive(NUMBER))
    waiting = redirect(bench, context, "", ALICE, flush=False)
    assert said(redirect(bench, context, BOB, flush=False)) == unknown(bench, BOB)
    bench.store.flush()
    assert isinstance(waiting[0], Accepted)


def test_a_call_that_goes_on_while_its_user_waits_exists_no_more_for_that_user() -> None:
    bench = Bench()
    context = bench.context(bench.arrive("alice"))
    redirect(bench, context, "", OTHER_NUMBER, flush=False)
    late = redirect(bench, context, ALICE, flush=False)
    assert late == []
    bench.store.flush()
    assert said(late) == unknown(bench, ALICE)


def test_a_call_that_is_not_durable_yet_exists_for_nobody() -> None:
    bench = Bench()
    call_id = bench.arrive("alice", flush=False)
    context = ContextSigner(b"s" * 32).issue(call_id, 0, "dev", 0.0)
    assert said(redirect(bench, context, ALICE, flush=False)) == unknown(bench, ALICE)


@pytest.mark.parametrize("by", ["", ALICE])
def test_a_context_of_another_resource_is_refused_whether_or_not_the_call_lives(by: str) -> None:
    bench = Bench()
    context = bench.context(bench.arrive("alice"))
    for _ in range(2):
        (answer,) = redirect(bench, context, by, resource="other")
        assert isinstance(answer, ContextForeign)
        assert (answer.status, answer.code) == (403, "7507")
        reject(bench, context, "")


@pytest.mark.parametrize("by", ["", ALICE])
def test_guessing_contexts_hits_nothing(by: str) -> None:
    bench = Bench()
    header, payload, signature = bench.context(bench.arrive("alice")).split(".")
    bench.take()
    letters = random.Random(1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    heard = set()
    for _ in range(GUESSES // 2):
        guess = "".join(letters.choices(alphabet, k=len(signature)))
        heard.add(type(redirect(bench, f"{header}.{payload}.{guess}", by, flush=False)[0]))
        heard.add(type(redirect(bench, f"{guess}.{guess}.{guess}", by, flush=False)[0]))
    assert heard == {ContextMalformed}
    assert bench.take() == []
