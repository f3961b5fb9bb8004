"""What a scripted phone raises.

    PhoneError
    ├── AddressInvalid      ours: the address to listen on or to call cannot be used
    ├── BehaviourInvalid    ours: the text does not describe a behaviour
    ├── WrongState          ours: a call was told to do what its state excludes
    ├── WaitedTooLong       the peer's: what was waited for did not happen in time; also a TimeoutError
    └── CallFailed          the peer's: the call is over, what was waited for cannot happen any more; `status` says how

A message from a peer never raises any of these inside a phone: it is answered, or dropped and counted.
"""

from __future__ import annotations


class PhoneError(Exception):
    """Root of the room."""


class AddressInvalid(PhoneError, ValueError):
    """An address is malformed, or names something a phone does not speak."""


class BehaviourInvalid(PhoneError, ValueError):
    """A text such as `bob=busy` that does not describe a behaviour; the message says what would."""


class WrongState(PhoneError):
    """A call was told to do what its state excludes, as hanging up before it was answered."""


class WaitedTooLong(PhoneError, TimeoutError):
    """What was waited for did not happen in time; the message says what happened instead."""


class CallFailed(PhoneError):
    """The call has got a final response other than 2xx, so what was waited for cannot happen any more."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
