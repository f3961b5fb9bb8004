import pytest

from strowger.sip.message.errors import ParseError
from strowger.sip.message.limits import REMEMBERED_CHARACTERS, REMEMBERED_VALUES
from strowger.sip.message.remembered import Remembered


class Reader:
    """Reads text, and writes down how often it was asked to."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, text: str) -> str:
        self.read.append(text)
        if text == "bad":
            raise ParseError(400, "It is bad")
        return text.upper()


def test_a_value_is_read_once() -> None:
    reader = Reader()
    remembered = Remembered(reader)
    assert [remembered["a"], remembered["a"], remembered["b"]] == ["A", "A", "B"]
    assert reader.read == ["a", "b"]


def test_what_raises_is_read_anew() -> None:
    reader = Reader()
    remembered = Remembered(reader)
    for _ in range(2):
        with pytest.raises(ParseError):
            _ = remembered["bad"]
    assert reader.read == ["bad", "bad"]
    assert len(remembered) == 0


def test_only_so_many_values_are_kept() -> None:
    remembered = Remembered(str.upper)
    for number in range(REMEMBERED_VALUES):
        _ = remembered[str(number)]
    assert len(remembered) == REMEMBERED_VALUES
    assert remembered["one more"] == "ONE MORE"
    assert list(remembered) == ["one more"]


def test_long_values_are_read_every_time() -> None:
    remembered = Remembered(str.upper)
    longest = "x" * REMEMBERED_CHARACTERS
    assert remembered[longest] == longest.upper()
    assert remembered[f"{longest}y"] == f"{longest}y".upper()
    assert list(remembered) == [longest]
