"""Any order of REGISTER requests, against a model that a reader of RFC 3261 §10.3 would write down; and credentials of
any shape, which are believed, asked for again or refused, never a fault of ours.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from strowger.sip.authentication.authenticator import Authenticated, Authenticator
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.digest import Algorithm
from strowger.sip.authentication.nonce import Nonces
from strowger.sip.registrar.binding import Binding, decode_bindings, encode_bindings
from strowger.sip.registrar.limits import Limits
from strowger.sip.registrar.registrar import register
from strowger.sip.registrar.targets import targets
from tests.support.registrar import FLOW, NOW, a_register

LIMITS = Limits(contacts=3, min_expires_s=60, default_expires_s=100, max_expires_s=200)
SPELLINGS = {
    "sip:a@h": ("sip:a@h", "sip:%61@H"),
    "sip:b@h;transport=tcp": ("sip:b@h;transport=tcp", "sip:b@h;transport=TCP;x=1"),
    "sip:c@h:5060": ("sip:c@h:5060",),
    "sip:c@h": ("sip:c@h",),
    "sip:d@h?Route=%3Csip:x%3E": ("sip:d@h?Route=%3Csip:x%3E",),
}


class Ask(NamedTuple):
    """One REGISTER: contacts as (address, its spelling, expires), or all of them away."""

    contacts: tuple[tuple[str, int, int | None], ...]
    everything: bool
    header: int | None
    call_id: str
    cseq: int
    pause: int


class Known(NamedTuple):
    """One binding of the model."""

    call_id: str
    cseq: int
    until: float


EXPIRES = st.none() | st.sampled_from([0, 59, 60, 100, 500])
ASKS = st.builds(
    Ask,
    contacts=st.lists(st.tuples(st.sampled_from(sorted(SPELLINGS)), st.integers(0, 1), EXPIRES), max_size=4).map(tuple),
    everything=st.booleans(),
    header=EXPIRES,
    call_id=st.sampled_from(["one", "two"]),
    cseq=st.integers(1, 6),
    pause=st.sampled_from([0, 0, 30, 90]),
)


def expected(model: dict[str, Known], ask: Ask, now: float) -> tuple[int, dict[str, Known]]:
    """The status, and the model afterwards if it is 200."""
    after = {name: known for name, known in model.items() if known.until > now}
    before = len(after)
    if ask.everything:
        if ask.contacts or ask.header != 0:
            return 400, model
        late = any(known.call_id == ask.call_id and known.cseq >= ask.cseq for known in after.values())
        return (400, model) if late else (200, {})
    times = [own if own is not None else ask.header if ask.header is not None else 100 for _, _, own in ask.contacts]
    if any(0 < seconds < 60 for seconds in times):
        return 423, model
    for (name, _, _), seconds in zip(ask.contacts, times, strict=True):
        known = after.get(name)
        if known and known.call_id == ask.call_id:
            if known.cseq > ask.cseq:
                return 400, model
            if known.cseq == ask.cseq:
                continue
        if seconds:
            after[name] = Known(ask.call_id, ask.cseq, now + min(seconds, 200))
        else:
            after.pop(name, None)
    return (403, model) if len(after) > max(3, before) else (200, after)


@given(st.lists(ASKS, max_size=12))
@settings(max_examples=200)
def test_any_sequence_of_registrations(asks: list[Ask]) -> None:
    bindings: tuple[Binding, ...] = ()
    model: dict[str, Known] = {}
    now = NOW
    for ask in asks:
        now += ask.pause
        contacts = [
            f"<{SPELLINGS[name][spelling % len(SPELLINGS[name])]}>" + ("" if own is None else f";expires={own}")
            for name, spelling, own in ask.contacts
        ]
        headers = [f"Expires: {ask.header}"] if ask.header is not None else []
        request = a_register(
            *contacts, *(["*"] if ask.everything else []), headers=headers, call_id=ask.call_id, cseq=ask.cseq
        )
        status, model = expected(model, ask, now)
        outcome = register(bindings, request, FLOW, now, LIMITS)
        assert outcome.status == status
        if status == 200:
            assert len([name for name, _ in outcome.headers if name == "Contact"]) == len(outcome.bindings)
            assert all(binding in outcome.bindings for binding in outcome.added)
        else:
            assert outcome.bindings == bindings
            assert not outcome.is_changed
        bindings = decode_bindings(encode_bindings(outcome.bindings))
        living = [binding for binding in bindings if binding.expires_at > now]
        assert sorted((b.call_id, b.cseq, b.expires_at) for b in living) == sorted(
            tuple(known) for known in model.values() if known.until > now
        )
        assert len(targets(bindings, now)) == len(living)


NAMES = st.sampled_from(["username", "realm", "nonce", "uri", "response", "algorithm", "qop", "nc", "cnonce", "opaque"])
LATIN = st.text(st.characters(max_codepoint=0xFF, blacklist_characters="\r\n\0"), max_size=12)
PARAMETERS = st.lists(st.tuples(NAMES, st.sampled_from(["x", "sip:x", "auth", "00000001", "MD5"]) | LATIN), max_size=9)


@given(PARAMETERS.map(lambda pairs: "Digest " + ", ".join(f'{name}="{text}"' for name, text in pairs)) | LATIN)
@settings(max_examples=200)
def test_credentials_of_any_shape_prove_nothing(value: str) -> None:
    credential = Credential.of_password("bob", "x", "secret", md5=True)
    authenticator = Authenticator("x", {"x": credential}.get, Nonces(bytes(32), "x"), algorithms=tuple(Algorithm))
    assert not isinstance(authenticator.decide("REGISTER", "sip:x", [value], "192.0.2.7", 1.0), Authenticated)
