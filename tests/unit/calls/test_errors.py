"""Every refusal has its published status and code, and says whose fault it is."""

from __future__ import annotations

import pytest

from strowger.calls import errors
from strowger.calls.errors import CallError, CallRefused, DecisionRefused, IdentityRefused, StoreUnavailable


@pytest.mark.parametrize(
    ("kind", "status", "code", "target"),
    [
        (errors.ContextMalformed, 400, "8523", "incomingCallContext"),
        (errors.ContextForeign, 403, "7507", "incomingCallContext"),
        (errors.CallOver, 404, "8522", None),
        (errors.HopClosed, 409, "8519", None),
        (errors.TooManyRedirects, 400, "8521", None),
        (errors.TargetInvalid, 400, "8523", "target"),
        (errors.TargetUnroutable, 405, "8520", "target"),
        (errors.TargetForbidden, 405, "8520", "target"),
        (errors.IdentityUnknown, 404, "404", "id"),
        (errors.IdentityOfSettings, 400, "8523", "id"),
        (errors.TooManyIdentities, 429, "429", None),
    ],
)
def test_a_refusal(
    kind: type[DecisionRefused | IdentityRefused], status: int, code: str, target: str | None
) -> None:
    refusal = kind("why")
    assert (refusal.status, refusal.code, refusal.target, str(refusal)) == (status, code, target, "why")
    assert kind.__name__ in str(errors.__doc__), "the tree at the top of the file is complete"


def test_a_throttled_call_says_by_which_limit() -> None:
    refusal = errors.CallThrottled("why", "8530")
    assert (refusal.status, refusal.code, refusal.target, str(refusal)) == (429, "8530", "target", "why")


def test_a_refused_call_says_what_to_answer() -> None:
    refusal = CallRefused(503, "full", retry_after_s=5)
    assert (refusal.status, refusal.retry_after_s, str(refusal)) == (503, 5, "full")


def test_one_root() -> None:
    assert all(issubclass(kind, CallError) for kind in (DecisionRefused, CallRefused, StoreUnavailable))
