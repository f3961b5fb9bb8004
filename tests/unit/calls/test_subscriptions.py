from strowger.calls.subscriptions import StoredSubscription


def test_a_document_is_not_shown_in_a_log():
    stored = StoredSubscription("app", 1.0, True, b'{"headers": ["X-Key: very private"]}')
    assert repr(stored) == str(stored) == "StoredSubscription(name='app', is_paused=True)"
