"""Outputs are values: immutable, small, and equal when they say the same."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from strowger.sip.transaction.outputs import Output, Send

NAMES = {
    "Send": ["flow", "payload", "key"],
    "RequestArrived": ["key", "request", "flow"],
    "AckArrived": ["request", "flow", "key"],
    "ResponseArrived": ["key", "response"],
    "TimedOut": ["key"],
    "TransportFailed": ["key"],
    "Terminated": ["key"],
    "Ignored": ["reason", "message"],
}


def test_the_vocabulary_is_complete() -> None:
    assert {kind.__name__: [field.name for field in msgspec.structs.fields(kind)] for kind in get_args(Output)} == NAMES


@pytest.mark.parametrize("kind", get_args(Output))
def test_output_is_slotted(kind: type) -> None:
    assert not hasattr(kind(*NAMES[kind.__name__]), "__dict__")


def test_output_is_frozen() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Send(None, b"", "").key = "other"  # type: ignore[misc]
