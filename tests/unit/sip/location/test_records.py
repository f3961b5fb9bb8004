from __future__ import annotations

from strowger.sip.location.records import ADDRESS_KINDS, Answer, Kind, Question


def test_each_family_has_its_record_type() -> None:
    assert ADDRESS_KINDS == {4: Kind.A, 6: Kind.AAAA}


def test_questions_are_keys() -> None:
    assert {Question(Kind.SRV, "a"): 1}[Question(Kind.SRV, "a")] == 1


def test_no_such_record_is_not_a_failure() -> None:
    assert not Answer().failure
