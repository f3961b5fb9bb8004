from __future__ import annotations

from strowger.calls.call import Call, Hop, State
from strowger.calls.conversations import Conversations
from strowger.calls.identifier import from_raw_id
from strowger.calls.reports import CallEnded


def a_call(call_id: str) -> Call:
    bob = Hop(from_raw_id("8:acs:r_bob"), 1.0, 2.0)
    return Call(call_id, "dev", from_raw_id("8:acs:r_ann"), "Ann", 0.5, [bob], State.RINGING)


def test_a_call_ends_once() -> None:
    conversations = Conversations()
    conversations.begin(a_call("one"), 10.0)
    ended = conversations.end("one", 15.0, is_by_caller=False)
    assert ended == CallEnded(a_call("one"), 10.0, 15.0, is_by_caller=False)
    assert conversations.end("one", 16.0, is_by_caller=True) is None
    assert conversations.end("two", 16.0, is_by_caller=True) is None


def test_one_that_is_followed_no_longer_has_not_ended() -> None:
    conversations = Conversations()
    conversations.begin(a_call("one"), 10.0)
    assert (conversations.end("one", 15.0, is_by_caller=None), len(conversations)) == (None, 0)


def test_the_oldest_is_forgotten_at_the_limit() -> None:
    conversations = Conversations(2)
    for name in ("one", "two", "three"):
        conversations.begin(a_call(name), 10.0)
    assert len(conversations) == 2
    assert conversations.end("one", 15.0, is_by_caller=True) is None
