from strowger.calls.signing_keys import StoredKey


def test_a_key_is_not_shown_in_a_log():
    assert "very private" not in repr(StoredKey("one", 1.0, b"very private"))
    assert str(StoredKey("one", 1.0, b"very private")) == "StoredKey(kid='one')"
