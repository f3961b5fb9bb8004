"""The tree of errors."""

from __future__ import annotations

from strowger.sip.transport import errors


def test_no_error_of_the_room_passes_for_an_error_of_the_system():
    tree = [errors.NoListener, errors.ListenFailed, errors.Unresolved]
    assert all(issubclass(each, errors.TransportError) and not issubclass(each, OSError) for each in tree)


def test_an_unresolved_name_carries_its_reason():
    assert errors.Unresolved("example.com cannot be resolved").reason == "example.com cannot be resolved"
