import pytest

from strowger.sip.authentication.nonce import MIN_KEY_BYTES, NONCE_LIFETIME_S, Nonces

KEY = bytes(range(32))
PHONE = "192.0.2.7"


def number_of(nonces, at, now):
    """The number of a nonce issued at one time and shown at another."""
    number = nonces.number(nonces.issue(PHONE, at), PHONE, now)
    assert number is not None
    return number


@pytest.fixture
def nonces():
    return Nonces(KEY, "example.com")


def test_a_nonce_is_short_plain_and_never_the_same(nonces):
    made = [nonces.issue(PHONE, 10.0) for _ in range(100)]
    assert len(set(made)) == 100
    assert {len(each) for each in made} == {32}
    assert nonces.number(made[0], PHONE, 10.0) == 10_000_000
    assert nonces.number(made[99], PHONE, 10.0) == 10_000_099


def test_nothing_is_kept_for_what_was_only_issued(nonces):
    for _ in range(1_000):
        nonces.number(nonces.issue(PHONE, 10.0), PHONE, 10.0)
    assert len(nonces) == 0


@pytest.mark.parametrize(("age", "fresh"), [(0.0, True), (NONCE_LIFETIME_S, True), (NONCE_LIFETIME_S + 0.001, False)])
def test_a_nonce_lives_as_long_as_it_should(nonces, age, fresh):
    nonce = nonces.issue(PHONE, 10.0)
    number = nonces.number(nonce, PHONE, 10.0 + age)
    assert (number is not None) is fresh
    assert nonces.use(10_000_000, 1, 10.0 + age) is fresh


def test_it_is_of_no_use_to_another_address_realm_or_process(nonces):
    nonce = nonces.issue(PHONE, 10.0)
    assert nonces.number(nonce, "192.0.2.8", 10.0) is None
    assert Nonces(KEY, "example.net").number(nonce, PHONE, 10.0) is None
    assert Nonces(bytes(32), "example.com").number(nonce, PHONE, 10.0) is None


@pytest.mark.parametrize("flaw", ["", "x", "dcd98b7102dd2f0e8b11d0f600bfb0c0", "ü" * 32, "A" * 32, "A" * 33, "=" * 32])
def test_what_is_no_nonce_of_ours_is_nobodys(nonces, flaw):
    assert nonces.number(flaw, PHONE, 10.0) is None


@pytest.mark.parametrize("position", range(0, 32, 5))
def test_a_changed_character_is_noticed(nonces, position):
    nonce = nonces.issue(PHONE, 10.0)
    changed = nonce[:position] + ("B" if nonce[position] != "B" else "C") + nonce[position + 1 :]
    assert nonces.number(changed, PHONE, 10.0) is None


def test_a_count_is_taken_once_and_never_goes_back(nonces):
    number = number_of(nonces, 10.0, 10.0)
    assert [nonces.use(number, count, 11.0) for count in (1, 1, 2, 5, 4, 6)] == [True, False, True, True, False, True]


def test_two_phones_behind_one_address_do_not_share_counts(nonces):
    one, other = (number_of(nonces, 10.0, 10.0) for _ in range(2))
    assert nonces.use(one, 1, 10.0)
    assert nonces.use(other, 1, 10.0)


def test_counts_are_forgotten_with_the_nonce(nonces):
    for second in range(10):
        nonces.use(number_of(nonces, second, second), 1, second)
    assert len(nonces) == 10
    at = 5 + NONCE_LIFETIME_S
    nonces.use(number_of(nonces, at, at), 1, at)
    assert len(nonces) == 6


def test_beyond_the_limit_the_earliest_nonces_become_stale_and_cannot_be_replayed():
    nonces = Nonces(KEY, "example.com", used_limit=2)
    issued = [nonces.issue(PHONE, 10.0 + n) for n in range(3)]
    numbers = [10_000_000, 11_000_000, 12_000_000]
    assert [nonces.number(nonce, PHONE, 13.0) for nonce in issued] == numbers
    assert [nonces.use(number, 1, 13.0) for number in numbers] == [True, True, True]
    assert len(nonces) == 2
    assert nonces.number(issued[0], PHONE, 13.0) is None
    assert not nonces.use(numbers[0], 2, 13.0)
    assert nonces.number(issued[1], PHONE, 13.0) == numbers[1]
    assert [nonces.use(numbers[2], count, 13.0) for count in (1, 2)] == [False, True]


def test_a_nonce_used_late_takes_older_ones_with_it():
    nonces = Nonces(KEY, "example.com", used_limit=1)
    old, new = (number_of(nonces, at, 20.0) for at in (10.0, 11.0))
    assert nonces.use(new, 1, 20.0)
    assert nonces.use(old, 1, 20.0)  # pushes the newer one out, and is not newer than it
    assert not nonces.use(new, 2, 20.0)
    assert not nonces.use(old, 2, 20.0)


def test_a_weak_key_or_no_room_at_all_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        Nonces(bytes(MIN_KEY_BYTES - 1), "x")
    with pytest.raises(ValueError, match="remembered"):
        Nonces(KEY, "x", used_limit=0)
