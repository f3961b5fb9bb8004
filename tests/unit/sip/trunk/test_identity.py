"""Who the far side is told that calls."""

from __future__ import annotations

import pytest

from strowger.sip.message import Request, Response
from strowger.sip.trunk.identity import Caller, identify, with_own_from, without_hidden
from strowger.sip.trunk.numbers import NumberFormat
from strowger.sip.trunk.trunk import CallerId, Trunk

PLAIN = '"Ann" <sip:+31612345678@caller.example>;tag=ann'
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=ann'
ASSERTED = "<sip:+31612345678@trusted.example>"
OURS = "<sip:+31201110009@carrier.example>"
DIALLED = "<sip:+31201110001@carrier.example>"

NOBODY = Caller(dialled="+31201110001")
TRUSTED = Caller(is_trusted=True, dialled="+31201110001")
VOUCHED = Caller(asserted="sip:ann@ours.example", dialled="+31201110001")


def shown(
    caller_id: str,
    caller: Caller,
    *,
    from_: str = PLAIN,
    pai: str = "",
    privacy: str = "",
    is_trusted: bool = False,
    extra: tuple[tuple[str, str], ...] = (),
    number: str = "+31201110009",
) -> tuple[str | None, str | None, str | None]:
    """From, P-Asserted-Identity and Privacy afterwards."""
    headers = [("From", from_), *([("P-Asserted-Identity", pai)] if pai else []), *extra]
    request = Request.make("INVITE", "sip:x@y", [*headers, *([("Privacy", privacy)] if privacy else [])])
    trunk = Trunk(
        "t", "sip:carrier.example:5070;transport=tcp", caller_id=CallerId(caller_id), number=number,
        is_trusted=is_trusted,
    )  # fmt: skip
    identify(request, trunk, caller)
    assert not request.has("P-Preferred-Identity")
    return request.first("From"), request.first("P-Asserted-Identity"), request.first("Privacy")


@pytest.mark.parametrize("is_trusted", [False, True])
@pytest.mark.parametrize(
    ("caller_id", "caller", "pai", "expected"),
    [
        ("pass", NOBODY, "", (PLAIN, None, None)),
        ("pass", NOBODY, ASSERTED, (PLAIN, None, None)),  # asserted by somebody we do not believe
        ("pass", TRUSTED, ASSERTED, (PLAIN, ASSERTED, None)),
        ("pass", TRUSTED, "", (PLAIN, None, None)),
        ("pass", VOUCHED, ASSERTED, (PLAIN, "<sip:ann@ours.example>", None)),
        ("trunk", TRUSTED, ASSERTED, (f"{OURS};tag=ann", OURS, None)),
        ("owned", NOBODY, "", (f"{DIALLED};tag=ann", DIALLED, None)),
        ("owned", Caller(), "", (f"{OURS};tag=ann", OURS, None)),  # no number of ours was dialled
    ],
)
def test_a_caller_who_hides_nothing(
    caller_id: str, caller: Caller, pai: str, expected: tuple[str | None, ...], is_trusted: bool
) -> None:
    assert shown(caller_id, caller, pai=pai, is_trusted=is_trusted) == expected


@pytest.mark.parametrize("is_trusted", [False, True])
@pytest.mark.parametrize("caller", [Caller(), Caller(is_trusted=True), Caller(asserted="sip:ann@ours.example")])
def test_where_only_numbers_of_ours_are_shown_and_there_is_none_nobody_is(caller: Caller, is_trusted: bool) -> None:
    claims = (("Remote-Party-ID", "<sip:+31900123456@x>"), ("P-Preferred-Identity", "<sip:+31900123456@x>"))
    told = shown("owned", caller, pai=ASSERTED, is_trusted=is_trusted, extra=claims, number="")
    assert told == (ANONYMOUS, None, None)


@pytest.mark.parametrize(
    ("caller_id", "is_trusted", "expected"),
    [
        # Whoever is trusted is told, and told to hide it.
        ("pass", True, (PLAIN, ASSERTED, "id")),
        ("trunk", True, (ANONYMOUS, OURS, "id")),
        # Whoever is not learns nothing but what is ours.
        ("pass", False, (ANONYMOUS, None, None)),
        ("trunk", False, (ANONYMOUS, OURS, None)),
        ("owned", False, (ANONYMOUS, DIALLED, None)),
    ],
)
def test_a_caller_who_hides_its_number(caller_id: str, is_trusted: bool, expected: tuple[str | None, ...]) -> None:
    assert shown(caller_id, TRUSTED, pai=ASSERTED, privacy="id", is_trusted=is_trusted) == expected


def test_an_anonymous_from_alone_hides_too() -> None:
    came = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=ann'
    assert shown("trunk", NOBODY, from_=came, is_trusted=True) == (ANONYMOUS, OURS, "id")
    assert shown("pass", TRUSTED, from_=came, pai=ASSERTED, is_trusted=True) == (came, ASSERTED, "id")
    assert shown("pass", TRUSTED, from_=came, pai=ASSERTED) == (ANONYMOUS, None, None)


@pytest.mark.parametrize(
    ("privacy", "left"),
    [
        ("id;critical", None),
        ("user;id;history", None),
        ("id;session", "session"),
        ("none", "none"),
        ("header;id", "header"),
    ],
)
def test_what_was_provided_is_not_asked_for_again(privacy: str, left: str | None) -> None:
    assert shown("pass", TRUSTED, privacy=privacy)[2] == left


def test_none_means_that_nothing_is_hidden() -> None:
    assert shown("pass", TRUSTED, pai=ASSERTED, privacy="none") == (PLAIN, ASSERTED, "none")


def test_a_from_without_a_tag_gets_none() -> None:
    assert shown("trunk", NOBODY, from_="<sip:a@b>")[0] == OURS


def test_the_preferred_identity_ends_here() -> None:
    shown("pass", TRUSTED, extra=(("P-Preferred-Identity", "<sip:a@b>"),))


@pytest.mark.parametrize(
    ("caller_id", "caller", "privacy", "stays"),
    [
        ("pass", TRUSTED, "", True),
        ("pass", NOBODY, "", False),
        ("trunk", TRUSTED, "", False),
        ("pass", TRUSTED, "id", False),
    ],
)
def test_the_older_form_of_identity(caller_id: str, caller: Caller, privacy: str, stays: bool) -> None:
    headers = [
        ("From", PLAIN),
        ("Remote-Party-ID", "<sip:a@b>;privacy=off"),
        *([("Privacy", privacy)] if privacy else []),
    ]
    request = Request.make("INVITE", "sip:x@y", headers)
    identify(request, Trunk("t", "sip:c.example", caller_id=CallerId(caller_id), number="+311"), caller)
    assert request.has("Remote-Party-ID") is stays


def test_the_number_is_shown_as_the_trunk_writes_numbers() -> None:
    request = Request.make("INVITE", "sip:x@y", [("From", PLAIN)])
    form = NumberFormat("national", "31", prefix="9")
    trunk = Trunk("t", "sips:[2001:db8::1]:5061", caller_id=CallerId.TRUNK, number="+31201110009", number_format=form)
    identify(request, trunk, NOBODY)
    assert request.first("From") == "<sip:0201110009@[2001:db8::1]>;tag=ann"


def test_a_private_caller_who_passes_unasserted_to_a_trusted_trunk_stays_private() -> None:
    assert shown("pass", NOBODY, privacy="id", is_trusted=True) == (PLAIN, None, "id")


def test_the_caller_gets_its_own_from_back() -> None:
    invite = Request.make("INVITE", "sip:x@y", [("From", PLAIN)])
    response = Response.make(180, "Ringing", [("From", f"{OURS};tag=ann"), ("To", "<sip:x@y>")])
    assert with_own_from(response, invite).lines == [f"From: {PLAIN}", "To: <sip:x@y>", "Content-Length: 0"]
    assert response.first("From") == f"{OURS};tag=ann"


def test_a_from_that_is_its_own_already_is_not_copied() -> None:
    invite = Request.make("INVITE", "sip:x@y", [("From", PLAIN)])
    response = Response.make(180, "Ringing", [("From", PLAIN)])
    assert with_own_from(response, invite) is response


@pytest.mark.parametrize(
    ("privacy", "from_", "is_told"), [("id", PLAIN, False), ("none", PLAIN, True), ("none", ANONYMOUS, False)]
)
def test_a_phone_is_not_told_whom_the_caller_hides(privacy: str, from_: str, is_told: bool) -> None:
    both = [("P-Asserted-Identity", ASSERTED), ("Remote-Party-ID", ASSERTED)]
    invite = Request.make("INVITE", "sip:x@y", [("From", from_), ("Privacy", privacy), *both])
    told = without_hidden(invite)
    assert [told.has(name) for name, _ in both] == [is_told] * 2
    assert (told is invite) is is_told
    assert invite.has("P-Asserted-Identity"), "what came in stays as it is"


def test_whoever_asserts_nothing_is_not_looked_at() -> None:
    invite = Request.make("INVITE", "sip:x@y", [("From", ANONYMOUS), ("Privacy", "id")])
    assert without_hidden(invite) is invite
