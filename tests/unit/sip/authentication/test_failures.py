import pytest

from strowger.sip.authentication.failures import (
    FAILURE_WINDOW_S,
    FAILURES_PER_SOURCE,
    FAILURES_PER_USER,
    Failures,
    network_of,
)

HERE, THERE = "192.0.2.7", "192.0.2.8"


def test_a_user_name_is_barred_after_its_tries_and_others_are_not():
    failures = Failures()
    for n in range(FAILURES_PER_USER):
        assert not failures.is_barred(HERE, "bob", float(n))
        failures.note(HERE, "bob", float(n))
    assert failures.is_barred(HERE, "bob", 5.0)
    assert not failures.is_barred(HERE, "alice", 5.0)
    assert not failures.is_barred(THERE, "bob", 5.0)
    assert failures.is_barred(HERE, "bob", FAILURE_WINDOW_S - 0.001)
    assert not failures.is_barred(HERE, "bob", FAILURE_WINDOW_S)


def test_a_source_is_barred_whatever_names_it_tries():
    failures = Failures()
    for n in range(FAILURES_PER_SOURCE):
        assert not failures.is_barred(HERE, f"user{n}", 1.0)
        failures.note(HERE, f"user{n}", 1.0)
    assert failures.is_barred(HERE, "somebody else", 1.0)
    assert not failures.is_barred(THERE, "user1", 1.0)


def test_a_new_window_begins_anew():
    failures = Failures(per_user=2)
    for at in (0.0, 1.0, FAILURE_WINDOW_S):
        failures.note(HERE, "bob", at)
    assert not failures.is_barred(HERE, "bob", FAILURE_WINDOW_S)
    failures.note(HERE, "bob", FAILURE_WINDOW_S + 1)
    assert failures.is_barred(HERE, "bob", FAILURE_WINDOW_S + 1)


def test_what_is_over_is_forgotten_and_the_rest_is_bounded():
    failures = Failures(limit=10)
    for n in range(50):
        failures.note(f"192.0.2.{n}", "bob", 1.0)
    assert len(failures) == 10
    failures.note(HERE, "bob", 1.0 + FAILURE_WINDOW_S)
    assert len(failures) == 2


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2"),
        ("2001:db8::5", "2001:db8:0:0"),
        ("fe80::1%eth0", "fe80:0:0:0"),
        ("::1", "0:0:0:0"),
        ("::", "0:0:0:0"),
    ],
)
def test_an_ipv6_peer_is_known_by_its_network(source, network):
    assert network_of(source) == network
