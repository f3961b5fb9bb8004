"""A bounded memory for values that are read from text again and again: the messages of one call repeat them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from strowger.sip.message.limits import REMEMBERED_CHARACTERS, REMEMBERED_VALUES

Value = TypeVar("Value")


class Remembered(dict[str, Value]):
    """Values by the text they were read from; `remembered[text]` reads what is not there. What raises is not kept.

    When it is full everything is forgotten at once. Most values are new, and for each of those an `lru_cache` has to
    choose one to forget: that took as long as the reading it was to save.
    """

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[str], Value]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> Value:
        value = self._read(text)
        if len(text) <= REMEMBERED_CHARACTERS:
            if len(self) >= REMEMBERED_VALUES:
                self.clear()
            self[text] = value
        return value
