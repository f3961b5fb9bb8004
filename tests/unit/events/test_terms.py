"""The figures of a subscription, at their edges."""

from __future__ import annotations

import pytest

from strowger.events.errors import SubscriptionInvalid
from strowger.events.outbox import BatchLimits
from strowger.events.terms import DeliveryTerms


def test_the_defaults_are_those_of_event_grid():
    assert DeliveryTerms() == DeliveryTerms(30, 86_400.0, BatchLimits(1, 64 * 1024))


@pytest.mark.parametrize(
    "figures",
    [
        {"most_attempts": 1},
        {"most_attempts": 30},
        {"time_to_live_s": 60.0},
        {"time_to_live_s": 86_400.0},
        {"batch": BatchLimits(5_000, 1_048_576)},
        {"batch": BatchLimits(1, 1_024)},
    ],
)
def test_what_event_grid_takes(figures):
    assert DeliveryTerms(**figures)


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"most_attempts": 0}, "delivery attempts: 1 to 30"),
        ({"most_attempts": 31}, "delivery attempts: 1 to 30"),
        ({"time_to_live_s": 59.9}, "1 to 1440 minutes"),
        ({"time_to_live_s": 86_401.0}, "1 to 1440 minutes"),
        ({"batch": BatchLimits(0)}, "events in a batch: 1 to 5000"),
        ({"batch": BatchLimits(5_001)}, "events in a batch: 1 to 5000"),
        ({"batch": BatchLimits(1, 1_023)}, "kilobytes of a batch: 1 to 1024"),
        ({"batch": BatchLimits(1, 1_048_577)}, "kilobytes of a batch: 1 to 1024"),
    ],
)
def test_what_event_grid_refuses(figures, message):
    with pytest.raises(SubscriptionInvalid, match=message):
        DeliveryTerms(**figures)
