import msgspec

from strowger.calls.bindings import StoredBindings


def test_what_crosses_is_plain_data():
    stored = StoredBindings("8:acs:1_2", b"\x00\xff", 12.5)
    assert msgspec.json.decode(msgspec.json.encode(stored), type=StoredBindings) == stored
