"""The tree of errors."""

from __future__ import annotations

import pytest

from strowger.phones import errors


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.AddressInvalid, ValueError),
        (errors.BehaviourInvalid, ValueError),
        (errors.WrongState, Exception),
        (errors.WaitedTooLong, TimeoutError),
        (errors.CallFailed, Exception),
    ],
)
def test_every_error_is_of_the_room(error: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(error, errors.PhoneError) and issubclass(error, builtin)


def test_a_failed_call_says_how() -> None:
    error = errors.CallFailed(486, "busy")
    assert (error.status, str(error)) == (486, "busy")
