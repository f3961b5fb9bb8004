from __future__ import annotations

import pytest

from strowger.sip.message import Request
from strowger.sip.trunk.privacy import hides_caller, privacy_of, set_privacy


def a_request(from_: str = "<sip:+31612345678@carrier.example>;tag=1", *privacy: str) -> Request:
    return Request.make("INVITE", "sip:a@b", [("From", from_), *(("Privacy", value) for value in privacy)])


@pytest.mark.parametrize(
    ("privacy", "asked"),
    [
        ((), set()),
        (("id",), {"id"}),
        (("ID; User;critical",), {"id", "user", "critical"}),
        (("id", "history"), {"id", "history"}),
        (("none",), set()),
        ((";",), set()),
    ],
)
def test_what_is_asked(privacy: tuple[str, ...], asked: set[str]) -> None:
    assert privacy_of(a_request("<sip:a@b>;tag=1", *privacy)) == asked


@pytest.mark.parametrize(
    ("from_", "privacy", "hides"),
    [
        ("<sip:+31612345678@carrier.example>;tag=1", "", False),
        ("<sip:+31612345678@carrier.example>;tag=1", "id", True),
        ("<sip:+31612345678@carrier.example>;tag=1", "user;critical", True),
        ("<sip:+31612345678@carrier.example>;tag=1", "history", False),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', "", True),
        ("<sip:Anonymous@192.0.2.1>;tag=1", "", True),
        ("<tel:+31612345678>;tag=1", "", False),
        ("<urn:service:x>;tag=1", "", False),
    ],
)
def test_whose_number_is_hidden(from_: str, privacy: str, hides: bool) -> None:
    assert hides_caller(a_request(from_, *([privacy] if privacy else []))) is hides


@pytest.mark.parametrize(
    ("asked", "header"),
    [({"id", "user"}, "id;user"), ({"critical"}, None), (set(), None), ({"id", "critical"}, "critical;id")],
)
def test_asking_for_exactly_these(asked: set[str], header: str | None) -> None:
    request = a_request("<sip:a@b>;tag=1", "session")
    set_privacy(request, frozenset(asked))
    assert request.first("Privacy") == header
