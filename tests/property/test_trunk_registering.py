"""Our registration at a carrier, whatever the carrier answers and whenever we stop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strowger.sip.authentication.client import MAX_ANSWERS, Account, DigestClient
from strowger.sip.authentication.credentials import Credential
from strowger.sip.message.message import Request, Response
from strowger.sip.trunk.registering import (
    LONGEST_WAIT_S,
    MIN_EXPIRES_CEILING_S,
    REFUSED_WAIT_S,
    NotRegistered,
    Registered,
    Registering,
    RegisteringOutput,
    SendRegister,
    State,
)
from strowger.sip.trunk.requests import Registration, Way, register
from strowger.sip.trunk.trunk import Trunk

TRUNK = Trunk("t", "sip:carrier.example", username="us")
ACCOUNT = Account(Credential.of_password("us", "carrier.example", "secret", md5=True), frozenset({"carrier.example"}))
UNDER_WAY = (State.REGISTERING, State.REFRESHING, State.REMOVING)

challenges = st.builds(
    "Digest realm={}, nonce={}, qop={}, stale={}".format,
    st.sampled_from(['"carrier.example"', '"other"']),
    st.sampled_from(['"a"', '"b"', '""']),
    st.sampled_from(['"auth"', '"auth-int"']),
    st.sampled_from(["true", "false"]),
)
numbers = st.one_of(st.integers(0, 2**33).map(str), st.sampled_from(["", "soon", "-1", "1 (x)"]))
headers = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["WWW-Authenticate", "Proxy-Authenticate"]), challenges),
        st.tuples(st.sampled_from(["Expires", "Min-Expires", "Retry-After"]), numbers),
        st.tuples(st.just("Contact"), st.builds("<sip:{}@192.0.2.1:5060>;expires={}".format, st.text("us"), numbers)),
    ),
    max_size=4,
)
statuses = st.one_of(st.sampled_from([200, 401, 407, 423, 403, 404, 500, 503]), st.integers(200, 699))
steps = st.one_of(
    st.builds(Response.make, statuses, st.just("Reason"), headers), st.sampled_from(["silence", "late", "wait", "stop"])
)


@given(st.lists(steps, max_size=40), st.floats(0, 1), st.integers(10, 7_200))
def test_it_is_bounded_in_every_way(script: list[Response | str], spread: float, expires_s: int) -> None:
    now = 0.0
    machine = Registering(DigestClient(ACCOUNT, lambda: "c"), "carrier.example", expires_s, now, lambda: spread)
    sent: list[tuple[SendRegister, Request]] = []
    in_a_row, is_stopped = 0, False

    def take(outputs: list[RegisteringOutput]) -> None:
        nonlocal in_a_row
        for output in outputs:
            match output:
                case SendRegister(number, asked_s, credentials):
                    assert number == len(sent) + 1
                    assert (asked_s == 0) is is_stopped
                    assert asked_s <= max(expires_s, MIN_EXPIRES_CEILING_S)
                    common = Registration("call", "tag", number, asked_s, credentials)
                    sent.append((output, register(TRUNK, Way("UDP", "192.0.2.1:5060"), common, lambda: "x")))
                    in_a_row += 1
                    assert in_a_row <= MAX_ANSWERS + 2, "one, one that asks longer, and the answers to challenges"
                case Registered(granted_s):
                    assert 0 < granted_s <= sent[-1][0].expires_s
                case NotRegistered(_, retry_s):
                    assert 0 < retry_s <= max(LONGEST_WAIT_S, REFUSED_WAIT_S)

    for step in script:
        if step == "wait" and (due := machine.next_deadline()) is not None:
            assert due >= now
            now, in_a_row = due, 0
            take(machine.advance(now))
        elif step == "stop":
            is_stopped, in_a_row = True, 0
            take(machine.stop(now))
        elif sent and step == "silence":
            take(machine.failed(sent[-1][0].number, "silence", now))
        elif len(sent) > 1 and step == "late":
            assert machine.failed(sent[-2][0].number, "silence", now) == []
        elif sent and isinstance(step, Response):
            take(machine.answered(sent[-1][0].number, sent[-1][1], step, now))
        # Either an answer is awaited, or something is due, or it is over: it never hangs.
        assert (machine.state in UNDER_WAY) + (machine.next_deadline() is not None) + machine.is_over == 1
