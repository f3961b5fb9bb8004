"""The response context: the first answer wins, losers are cancelled, the best refusal counts, nobody rings for ever."""

from __future__ import annotations

import pytest

from strowger.sip.message import Response
from strowger.sip.proxy.response_context import (
    CANCEL_PATIENCE_S,
    TIMER_C_S,
    Answered,
    AnsweredAgain,
    AnsweredTooLate,
    CancelBranch,
    Failed,
    GiveUpBranch,
    Provisional,
    ResponseContext,
)

NOW = 100.0


def a(status: int) -> Response:
    return Response.make(
        status,
        "Reason",
        [("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx"), ("CSeq", "1 INVITE"), ("To", "<sip:b@c>;tag=t")],
    )


def a_context(branches: int = 2) -> ResponseContext:
    return ResponseContext(branches, NOW)


def test_provisional_responses_pass_but_100_does_not() -> None:
    context, ringing = a_context(), a(180)
    assert context.receive(0, a(100), NOW) == ()
    assert context.receive(0, ringing, NOW) == (Provisional(ringing),)


def test_the_first_2xx_wins_and_its_repeats_pass() -> None:
    context, ok = a_context(), a(200)
    assert context.receive(1, ok, NOW) == (Answered(1, ok),)
    assert context.receive(1, ok, NOW) == (AnsweredAgain(ok),)
    assert context.winner == 1


def test_the_losers_are_cancelled_once_they_have_been_heard_from() -> None:
    context = a_context(3)
    context.receive(1, a(180), NOW)
    context.receive(0, a(200), NOW)
    assert context.silence_losers(NOW) == [CancelBranch(1)]
    assert context.receive(2, a(100), NOW) == (CancelBranch(2),)
    assert context.receive(2, a(180), NOW) == ()


def test_a_2xx_of_a_loser_is_too_late() -> None:
    context, late = a_context(), a(200)
    context.receive(0, a(200), NOW)
    assert context.receive(1, late, NOW) == (AnsweredTooLate(1, late),)


def test_a_2xx_after_the_hop_was_decided_is_too_late() -> None:
    context, late = a_context(1), a(200)
    context.receive(0, a(180), NOW)
    assert context.cancel(NOW) == [CancelBranch(0)]
    assert context.receive(0, late, NOW) == (AnsweredTooLate(0, late),)


def test_a_failure_waits_for_the_other_branches() -> None:
    context, busy = a_context(), a(486)
    assert context.receive(0, busy, NOW) == ()
    assert context.receive(1, a(404), NOW)[0].status in (404, 486)  # type: ignore[union-attr]
    assert context.is_over


@pytest.mark.parametrize(
    ("finals", "best"),
    [
        ((486, 603), 603),
        ((486, 302), 302),
        ((500, 404), 404),
        ((404, 401), 401),
        ((480, 484), 484),
        ((503, 408), 408),
        ((404, 480), 404),
    ],
)
def test_the_best_response(finals: tuple[int, ...], best: int) -> None:
    context = a_context(len(finals))
    outputs = [output for index, status in enumerate(finals) for output in context.receive(index, a(status), NOW)]
    assert [(output.status, output.response.status) for output in outputs] == [(best, best)]  # type: ignore[union-attr]


def test_a_503_speaks_of_one_target_only() -> None:
    assert a_context(1).receive(0, a(503), NOW) == (Failed(500, None, 0),)


def test_silence_is_408_and_unreachable_is_500() -> None:
    assert a_context(1).silence(0, NOW) == (Failed(408, None, 0),)
    assert a_context(1).unreachable(0, NOW) == (Failed(500, None, 0),)


def test_one_silent_branch_does_not_keep_another_from_answering() -> None:
    context, ok = a_context(), a(200)
    assert context.silence(0, NOW) == ()
    assert context.receive(1, ok, NOW) == (Answered(1, ok),)


def test_a_final_response_counts_once() -> None:
    context = a_context(1)
    context.receive(0, a(486), NOW)
    assert context.receive(0, a(603), NOW) == ()
    assert context.receive(0, a(180), NOW) == ()
    assert context.silence(0, NOW) == ()


def test_a_cancelled_context_reports_no_failure() -> None:
    context = a_context(1)
    context.receive(0, a(180), NOW)
    context.cancel(NOW)
    assert context.receive(0, a(487), NOW) == ()


def test_a_cancelled_branch_that_stays_silent_is_given_up() -> None:
    context = a_context(1)
    assert context.cancel(NOW) == []
    assert context.next_deadline() == NOW + CANCEL_PATIENCE_S
    assert context.advance(NOW + CANCEL_PATIENCE_S - 0.001) == []
    assert context.advance(NOW + CANCEL_PATIENCE_S) == [GiveUpBranch(0)]
    assert context.next_deadline() is None


def test_timer_c_is_restarted_by_each_provisional() -> None:
    context = a_context(1)
    assert context.next_deadline() == NOW + TIMER_C_S
    context.receive(0, a(180), NOW + 50)
    assert context.next_deadline() == NOW + 50 + TIMER_C_S
    context.receive(0, a(100), NOW + 60)
    assert context.next_deadline() == NOW + 50 + TIMER_C_S


def test_timer_c_cancels_a_ringing_branch_and_then_gives_it_up() -> None:
    context = a_context(1)
    context.receive(0, a(180), NOW)
    assert context.advance(NOW + TIMER_C_S) == [CancelBranch(0)]
    assert context.receive(0, a(180), NOW + TIMER_C_S) == (), "and it is cancelled once"
    assert context.receive(0, a(487), NOW + TIMER_C_S) == (Failed(408, None, 0),), "the caller did not cancel"


def test_timer_c_of_a_branch_never_heard_from_is_a_timeout() -> None:
    context = a_context(1)
    assert context.advance(NOW + TIMER_C_S) == [GiveUpBranch(0), Failed(408, None, 0)]


def test_a_branch_is_cancelled_once() -> None:
    context = a_context(1)
    context.receive(0, a(180), NOW)
    assert context.cancel(NOW) == [CancelBranch(0)]
    assert context.cancel(NOW) == []
    assert context.silence_losers(NOW) == []
    assert context.receive(0, a(180), NOW) == ()


def test_a_forfeited_answer_is_unwanted_each_time_it_is_repeated() -> None:
    context, late = a_context(1), a(200)
    assert context.receive(0, late, NOW) == (Answered(0, late),)
    context.forfeit()
    assert context.receive(0, late, NOW) == (AnsweredTooLate(0, late),)


def test_a_second_dialog_of_the_winning_branch_is_unwanted() -> None:
    context = a_context(1)
    first, second = a(200), a(200)
    first.set("To", "<sip:bob@192.0.2.2>;tag=1")
    second.set("To", "<sip:bob@192.0.2.2>;tag=2")
    context.receive(0, first, NOW)
    assert context.receive(0, second, NOW) == (AnsweredTooLate(0, second),)
    assert context.receive(0, first, NOW) == (AnsweredAgain(first),)


def test_a_global_failure_silences_the_other_phones() -> None:
    context, declined = a_context(3), a(603)
    context.receive(1, a(180), NOW)
    assert context.receive(0, declined, NOW) == (CancelBranch(1),)
    assert context.receive(1, a(487), NOW) == ()
    assert context.silence(2, NOW) == (Failed(603, declined, 0),)


def test_every_challenge_reaches_the_caller() -> None:
    context, first, second = a_context(), a(407), a(407)
    first.append("Proxy-Authenticate", 'Digest realm="a"')
    second.append("Proxy-Authenticate", 'Digest realm="b"')
    context.receive(0, first, NOW)
    failed = context.receive(1, second, NOW)[0]
    assert isinstance(failed, Failed)
    assert failed.response is not None
    assert failed.response.all("Proxy-Authenticate") == ['Digest realm="a"', 'Digest realm="b"']


def test_timer_c_never_cuts_a_longer_ring_limit_short() -> None:
    assert ResponseContext(1, NOW, timer_c_s=305.0).next_deadline() == NOW + 305


def test_an_adopted_branch_rings_again_unless_it_was_cancelled_meanwhile() -> None:
    context = a_context(2)
    context.adopt_ringing()
    assert context.may_ring_again(0)
    assert context.cancel(NOW) == [CancelBranch(1)], "the one that rings again has to be heard from first"
    assert not context.may_ring_again(1)


def test_a_restored_context_cancels_at_once() -> None:
    context = a_context(2)
    context.adopt_ringing()
    assert context.cancel(NOW) == [CancelBranch(0), CancelBranch(1)]


def test_a_place_that_was_given_up_may_still_say_that_nobody_wants_the_call() -> None:
    context, decline = a_context(1), a(603)
    context.add(NOW, replaces=0)
    context.abandon(0, NOW)
    context.receive(1, a(180), NOW)
    assert context.receive(0, decline, NOW) == (CancelBranch(1),)
    assert context.receive(1, a(487), NOW) == (Failed(603, decline, 0),)


def test_a_6xx_may_speak_for_one_only() -> None:
    context, busy = ResponseContext(2, NOW, global_failures=()), a(486)
    context.receive(1, a(180), NOW)
    assert context.receive(0, a(603), NOW) == ()
    assert context.receive(1, busy, NOW) == (Failed(486, busy, 1),)


def test_of_6xx_that_speak_for_one_only_the_last_is_told() -> None:
    context, declined = ResponseContext(1, NOW, global_failures=(600,)), a(603)
    assert context.receive(0, declined, NOW) == (Failed(603, declined, 0),)


def test_what_speaks_for_all_cancels_all() -> None:
    context, declined = ResponseContext(2, NOW, global_failures=(603,)), a(603)
    context.receive(1, a(180), NOW)
    assert context.receive(0, declined, NOW) == (CancelBranch(1),)
    assert context.receive(1, a(487), NOW) == (Failed(603, declined, 0),)


def test_a_branch_that_refused_before_a_restart_is_not_asked_again_and_counts() -> None:
    context = a_context(2)
    context.adopt_ringing(refused={0: 404})
    assert context.has_ended(0)
    assert not context.may_ring_again(0)
    assert context.conclude() == ()
    unavailable = a(500)
    assert context.receive(1, unavailable, NOW) == (Failed(404, None, 0),)
    assert context.conclude() == (), "it was said"


def test_a_context_in_which_everybody_had_refused_is_concluded() -> None:
    context = a_context(2)
    context.adopt_ringing(refused={0: 500, 1: 486})
    assert context.conclude() == (Failed(486, None, 1),)


def test_an_answer_of_before_a_restart_wins_when_it_is_repeated_and_no_other_does() -> None:
    context, answer, other = a_context(3), a(200), a(200)
    context.adopt_ringing(refused={2: 486})
    context.adopt_answer(1)
    assert context.silence_losers(NOW) == [CancelBranch(0)]
    assert context.receive(0, other, NOW) == (AnsweredTooLate(0, other),)
    assert context.receive(1, answer, NOW) == (Answered(1, answer),)
    assert context.receive(1, answer, NOW) == (AnsweredAgain(answer),)


def test_a_refusal_of_before_a_restart_may_have_spoken_for_all() -> None:
    context, terminated = a_context(2), a(487)
    context.adopt_ringing(refused={0: 603})
    assert context.heed_refusals(NOW) == [CancelBranch(1)]
    assert context.heed_refusals(NOW) == []
    assert context.receive(1, terminated, NOW) == (Failed(603, None, 0),)
    context = a_context(2)
    context.adopt_ringing(refused={0: 486})
    assert context.heed_refusals(NOW) == ()
