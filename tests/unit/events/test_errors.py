"""The room's tree of errors."""

from __future__ import annotations

import pytest

from strowger.events.errors import EventsError, SubscriptionInvalid, Unanswered, UnexpectedInput


@pytest.mark.parametrize("error", [SubscriptionInvalid, Unanswered, UnexpectedInput])
def test_every_error_is_of_the_room(error):
    assert issubclass(error, EventsError)
