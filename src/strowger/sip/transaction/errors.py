"""What the transaction room raises: faults of our own process. A message from a peer never leads to one of these.

The tree, and whose fault or which answer each stands for:

    TransactionError
    ├── UnknownTransaction     the key names no living transaction
    ├── DuplicateTransaction   a transaction with this key is living already
    ├── InvalidRequest         the request cannot open a client transaction
    ├── UnexpectedInput        a machine got an input that its state excludes: a defect in the caller
    ├── UnreadableSnapshot     a stored transaction cannot be read back
    └── TransactionLimit       overload; answer `status` to whoever caused the request
"""

from __future__ import annotations


class TransactionError(Exception):
    """Root of the room."""


class UnknownTransaction(TransactionError):
    """The key names no living transaction: it has ended, or it was never one of this direction."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no transaction with the key {key!r}")
        self.key = key


class DuplicateTransaction(TransactionError):
    """A transaction with this key is living already; two would answer for each other."""

    def __init__(self, key: str) -> None:
        super().__init__(f"there is a transaction with the key {key!r} already")
        self.key = key


class InvalidRequest(TransactionError, ValueError):
    """A request that cannot open a client transaction: an ACK, or one without an RFC 3261 branch in its top Via."""


class UnexpectedInput(TransactionError):
    """A machine was given an input that cannot happen in its state."""

    def __init__(self, key: str, state: str, what: str) -> None:
        super().__init__(f"transaction {key!r} cannot get {what!r} in state {state!r}")
        self.key = key
        self.state = state
        self.what = what


class UnreadableSnapshot(TransactionError, ValueError):
    """Plain data given to `restore` does not describe a transaction."""


class TransactionLimit(TransactionError):
    """The table is full: this request was not sent."""

    status = 503
    """What to answer to whoever caused the request."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} transactions are living already, which is the limit")
        self.limit = limit
