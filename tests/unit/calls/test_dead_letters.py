from strowger.calls.dead_letters import DeadLetter
from strowger.calls.ports import OutboxEntry


def test_a_letter_is_its_entry_and_what_became_of_it():
    entry = OutboxEntry("e1", "dev/app", "a call", b"{}", 1.0, 2.0, attempts=3, last_outcome="Busy")
    letter = DeadLetter("l1", entry, "TimeToLiveExceeded", "its time is over", 2.5)
    assert letter == DeadLetter("l1", entry, "TimeToLiveExceeded", "its time is over", 2.5)
