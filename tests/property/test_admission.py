"""Nobody is let in by credentials that are not exactly those of a user or trunk, whatever was changed in them."""

from __future__ import annotations

import string

from hypothesis import assume, example, given
from hypothesis import strategies as st

from strowger.sip.admission import Admission
from strowger.sip.authentication.digest import Credentials
from strowger.sip.flow import Flow
from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.registration import Silence
from tests.support.admission import PASSWORDS, REALM, URI, an_admission, an_invite
from tests.support.digest import credentials

FLOW = Flow("UDP", "198.51.100.7", 5062, 0, 0)
NOW = 10.0
TEXTS = st.text(string.ascii_letters + string.digits + "@:;=-_. ", max_size=40)


def right(admission: Admission, user: str) -> str:
    """Credentials that are good once."""
    try:
        admission.sender_of(an_invite(), FLOW, NOW)
    except Refusal as refusal:
        return credentials(refusal.headers[0][1], PASSWORDS[user], user=user, method="INVITE", uri=URI)
    raise AssertionError("a stranger was let in")


def is_admitted(admission: Admission, user: str, value: str) -> bool:
    try:
        admission.sender_of(an_invite(user, value), FLOW, NOW)
    except (Refusal, ParseError, Silence):
        return False
    return True


def meaning(value: str) -> tuple[object, ...]:
    """All that credentials say; the hash and the names of methods mean the same in any case."""
    read = Credentials.parse(value.strip(" \t"))  # blanks around it are not part of a header's value
    return (read.user, read.realm, read.nonce, read.uri, read.response.lower(), read.algorithm.upper(), read.protection)


@given(st.sampled_from(sorted(PASSWORDS)))
def test_the_right_ones_are(user: str) -> None:
    admission = an_admission()
    value = right(admission, user)
    assert is_admitted(admission, user, value)
    assert not is_admitted(admission, user, value)


@given(
    user=st.sampled_from(sorted(PASSWORDS)),
    field=st.sampled_from(["username", "realm", "nonce", "uri", "response", "algorithm", "qop", "nc", "cnonce"]),
    other=TEXTS | st.sampled_from([*PASSWORDS, REALM, URI, "MD5", "SHA-256-sess", "auth-int", "00000002", "0" * 64]),
)
def test_another_value_of_any_field_is_refused(user: str, field: str, other: str) -> None:
    admission = an_admission()
    value = right(admission, user)
    before, _, rest = value.partition(f"{field}=")
    own, comma, after = rest.partition(", ")
    assume(own.strip('"').lower() != other.lower())
    assert not is_admitted(admission, user, f'{before}{field}="{other}"{comma}{after}')
    assert is_admitted(admission, user, value)


@example(user=min(PASSWORDS), at=0, cut=0, put=" ")
@given(user=st.sampled_from(sorted(PASSWORDS)), at=st.integers(0, 400), cut=st.integers(0, 3), put=st.text(max_size=3))
def test_whatever_is_changed_admits_only_what_means_the_same(user: str, at: int, cut: int, put: str) -> None:
    put = put.encode("latin-1", "replace").decode("latin-1")
    assume(not set(put) & set("\r\n\0"))
    admission = an_admission()
    value = right(admission, user)
    changed = value[:at] + put + value[at + cut :]
    if is_admitted(admission, user, changed):
        assert meaning(changed) == meaning(value)
