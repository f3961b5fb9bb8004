from strowger.calls.token_passwords import StoredPassword


def test_hashes_are_not_shown_in_a_log():
    kept = StoredPassword("digest of it", "8:acs:r1_bob", 0, 1.0, b"very private")
    assert str(kept) == repr(kept) == "StoredPassword(raw_id='8:acs:r1_bob')"
