"""The tree of errors, and what each says."""

from __future__ import annotations

import pytest

from strowger.sip.transaction import errors


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.UnknownTransaction("k"), "no transaction with the key 'k'"),
        (errors.DuplicateTransaction("k"), "there is a transaction with the key 'k' already"),
        (errors.InvalidRequest("why"), "why"),
        (errors.UnexpectedInput("k", "Trying", "Timer J"), "transaction 'k' cannot get 'Timer J' in state 'Trying'"),
        (errors.UnreadableSnapshot("why"), "why"),
        (errors.TransactionLimit(7), "7 transactions are living already, which is the limit"),
    ],
)
def test_error_says_what_is_wrong(error: errors.TransactionError, text: str) -> None:
    assert isinstance(error, errors.TransactionError)
    assert str(error) == text


def test_limit_is_answered_with_503() -> None:
    assert (errors.TransactionLimit(7).status, errors.TransactionLimit(7).limit) == (503, 7)
