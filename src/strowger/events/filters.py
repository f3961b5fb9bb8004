"""Which events a subscription is told of: types, subjects and advanced filters (Event Grid: event filtering).

Pure, and compiled once: an `EventFilter` is made at the start and then asked of each event, given as the plain values
of its JSON. All conditions of a subscription must hold; of the values of one advanced filter any will do, and for the
operators that say Not none may. Names and texts are compared without regard to case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from strowger.events.errors import FilterInvalid

MOST_FILTERS: Final = 25
"""Advanced filters of one subscription (Event Grid: event filtering, limitations)."""
MOST_VALUES: Final = 25
"""Values in all advanced filters of one subscription; a range is one."""
VALUE_CHARACTERS: Final = 512
"""Longest text that is a value."""
KEY_CHARACTERS: Final = 512
"""Longest key; ours, because none is published."""
EVENT_GRID_KEYS: Final = ("id", "topic", "subject", "eventType", "dataVersion")
"""Members of the envelope that can be asked; everything else is below `data.`."""
CLOUD_EVENTS_KEYS: Final = ("id", "source", "subject", "type", "specversion")
"""The same for CloudEvents."""
MADE_LAST: Final = {f"data.{name}".lower(): name for name in ("incomingCallContext", "expiresOn")}
"""Made with each event, after it is known who is told: nothing can be told by these."""
ALL_TYPES: Final = "all"
"""Stands for every event type, as if there were no list."""


class Operator(StrEnum):
    """How a member of the event is compared."""

    NUMBER_IN = "NumberIn"
    NUMBER_NOT_IN = "NumberNotIn"
    NUMBER_LESS_THAN = "NumberLessThan"
    NUMBER_GREATER_THAN = "NumberGreaterThan"
    NUMBER_LESS_THAN_OR_EQUALS = "NumberLessThanOrEquals"
    NUMBER_GREATER_THAN_OR_EQUALS = "NumberGreaterThanOrEquals"
    NUMBER_IN_RANGE = "NumberInRange"
    NUMBER_NOT_IN_RANGE = "NumberNotInRange"
    BOOL_EQUALS = "BoolEquals"
    STRING_CONTAINS = "StringContains"
    STRING_NOT_CONTAINS = "StringNotContains"
    STRING_BEGINS_WITH = "StringBeginsWith"
    STRING_NOT_BEGINS_WITH = "StringNotBeginsWith"
    STRING_ENDS_WITH = "StringEndsWith"
    STRING_NOT_ENDS_WITH = "StringNotEndsWith"
    STRING_IN = "StringIn"
    STRING_NOT_IN = "StringNotIn"
    IS_NULL_OR_UNDEFINED = "IsNullOrUndefined"
    IS_NOT_NULL = "IsNotNull"


class Takes(StrEnum):
    """What an operator compares with, as its filter writes it."""

    NOTHING = "nothing"
    VALUE = "value"
    VALUES = "values"


class Rule(NamedTuple):
    """What an operator means."""

    takes: Takes
    compared: Callable[[Any], Any]
    """A value of the event as it is compared; None for one of another type."""
    fit: Callable[[Any], Any]
    """A value of the filter as it is compared. Raises FilterInvalid."""
    holds: Callable[[Any, Any], bool]
    """Of a value of the event and one of the filter."""
    negated: bool = False
    """True: nothing of the event may hold with any value."""
    without: bool = False
    """What is said of an event that has no such member, or none of the operator's type."""


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value.lower() if isinstance(value, str) else None


def _fit_number(value: object) -> float:
    number = _number(value)
    if number is None or not math.isfinite(number):
        raise FilterInvalid(f"{_shown(value)} is not a number")
    return number


def _fit_range(value: object) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise FilterInvalid(f"{_shown(value)} is not a range: write its lowest and its highest number, [1, 9]")
    low, high = _fit_number(value[0]), _fit_number(value[1])
    if low > high:
        raise FilterInvalid(f"the range {_shown(value)} is empty: its lowest number comes first")
    return low, high


def _fit_truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise FilterInvalid(f"{_shown(value)} is neither true nor false")
    return value


def _fit_text(value: object) -> str:
    if not isinstance(value, str):
        raise FilterInvalid(f"{_shown(value)} is not a text")
    if len(value) > VALUE_CHARACTERS:
        raise FilterInvalid(f"a value of {len(value)} characters is longer than {VALUE_CHARACTERS}")
    return value.lower()


def _numeric(takes: Takes, holds: Callable[[Any, Any], bool], **more: bool) -> Rule:
    return Rule(takes, _number, _fit_number, holds, **more)


def _range(**more: bool) -> Rule:
    return Rule(Takes.VALUES, _number, _fit_range, lambda it, ends: bool(ends[0] <= it <= ends[1]), **more)


def _textual(holds: Callable[[Any, Any], bool], **more: bool) -> Rule:
    return Rule(Takes.VALUES, _text, _fit_text, holds, **more)


def _equal(it: object, value: object) -> bool:
    return it == value


def _contains(it: str, value: str) -> bool:
    return value in it


# Of a missing member NumberNotIn and StringNotIn alone are published to be true; nothing is said of NumberNotInRange.
RULES: Final[Mapping[Operator, Rule]] = {
    Operator.NUMBER_IN: _numeric(Takes.VALUES, _equal),
    Operator.NUMBER_NOT_IN: _numeric(Takes.VALUES, _equal, negated=True, without=True),
    Operator.NUMBER_LESS_THAN: _numeric(Takes.VALUE, lambda it, value: bool(it < value)),
    Operator.NUMBER_GREATER_THAN: _numeric(Takes.VALUE, lambda it, value: bool(it > value)),
    Operator.NUMBER_LESS_THAN_OR_EQUALS: _numeric(Takes.VALUE, lambda it, value: bool(it <= value)),
    Operator.NUMBER_GREATER_THAN_OR_EQUALS: _numeric(Takes.VALUE, lambda it, value: bool(it >= value)),
    Operator.NUMBER_IN_RANGE: _range(),
    Operator.NUMBER_NOT_IN_RANGE: _range(negated=True),
    Operator.BOOL_EQUALS: Rule(Takes.VALUE, _truth, _fit_truth, _equal),
    Operator.STRING_CONTAINS: _textual(_contains),
    Operator.STRING_NOT_CONTAINS: _textual(_contains, negated=True),
    Operator.STRING_BEGINS_WITH: _textual(str.startswith),
    Operator.STRING_NOT_BEGINS_WITH: _textual(str.startswith, negated=True),
    Operator.STRING_ENDS_WITH: _textual(str.endswith),
    Operator.STRING_NOT_ENDS_WITH: _textual(str.endswith, negated=True),
    Operator.STRING_IN: _textual(_equal),
    Operator.STRING_NOT_IN: _textual(_equal, negated=True, without=True),
}
PRESENCE: Final[Mapping[Operator, bool]] = {Operator.IS_NULL_OR_UNDEFINED: False, Operator.IS_NOT_NULL: True}
"""The operators that only ask whether a member is there, of any type and not null, and what they want to hear."""

_OPERATORS: Final = {operator.lower(): operator for operator in Operator}


@dataclass(frozen=True, slots=True)
class AdvancedFilter:
    """One condition on one member of the event; made by `advanced_filter`."""

    operator: Operator
    key: str
    values: tuple[Any, ...]
    """As they were written."""
    path: tuple[str, ...]
    """The key's names, in lower case."""
    wanted: tuple[Any, ...]
    """The values as they are compared."""

    def asks(self, keys: Iterable[str]) -> bool:
        """Whether the condition is about `data`, or about one of these members of the envelope."""
        return self.path[0] == "data" or _is_among(self.path, keys)

    def written(self) -> dict[str, object]:
        """The condition as Event Grid writes it."""
        takes, head = takes_of(self.operator), {"operatorType": self.operator.value, "key": self.key}
        if takes is Takes.NOTHING:
            return {**head}
        return {**head, takes.value: self.values[0] if takes is Takes.VALUE else [*self.values]}

    def matches(self, event: Mapping[str, object], *, on_arrays: bool) -> bool:
        """Whether the event fulfils the condition; `on_arrays` asks each entry of a list instead of the list."""
        it = _member(event, self.path)
        if self.operator in PRESENCE:
            return (it is not None) is PRESENCE[self.operator]
        rule = RULES[self.operator]
        entries: Sequence[object] = it if on_arrays and isinstance(it, list | tuple) else (it,)
        compared = [each for each in map(rule.compared, entries) if each is not None]
        if not compared and entries is not it:
            return rule.without
        return any(rule.holds(each, value) for each in compared for value in self.wanted) is not rule.negated


class EventFilter:
    """All conditions of one subscription; without any it lets every event pass."""

    __slots__ = ("_advanced", "_begins", "_ends", "_is_case_sensitive", "_on_arrays", "_types", "is_open")

    def __init__(
        self,
        *,
        event_types: Iterable[str] = (),
        subject_begins_with: str = "",
        subject_ends_with: str = "",
        subject_case_sensitive: bool = False,
        advanced: Sequence[AdvancedFilter] = (),
        on_arrays: bool = False,
    ) -> None:
        """No event types, or All among them, are every type. `on_arrays`: advanced filters ask each entry of a list,
        which has no type for them otherwise. Raises FilterInvalid for more filters than may be.
        """
        require_within_limits(advanced)
        types = frozenset(map(str.lower, event_types))
        self._types = frozenset[str]() if ALL_TYPES in types else types
        self._is_case_sensitive = subject_case_sensitive
        self._begins = self._cased(subject_begins_with)
        self._ends = self._cased(subject_ends_with)
        self._advanced = tuple(advanced)
        self._on_arrays = on_arrays
        self.is_open = not (self._types or self._begins or self._ends or self._advanced)
        """Whether nothing is asked of an event."""

    def matches(self, event: Mapping[str, object]) -> bool:
        """Whether a subscription with these conditions is told of `event`: its members by name, in both schemas."""
        subject = self._cased(str(event["subject"]))
        return (
            (not self._types or str(event["eventType"]).lower() in self._types)
            and subject.startswith(self._begins)
            and subject.endswith(self._ends)
            and all(each.matches(event, on_arrays=self._on_arrays) for each in self._advanced)
        )

    def why_not(self, event: Mapping[str, object]) -> str:
        """The first condition that an event does not fulfil, in words; empty where it passes."""
        subject = self._cased(str(event["subject"]))
        if self._types and str(event["eventType"]).lower() not in self._types:
            return "included_event_types has not its type"
        if not subject.startswith(self._begins):
            return f"its subject does not begin with subject_begins_with, {_shown(self._begins)}"
        if not subject.endswith(self._ends):
            return f"its subject does not end with subject_ends_with, {_shown(self._ends)}"
        failing = (each for each in self._advanced if not each.matches(event, on_arrays=self._on_arrays))
        return next((f"{each.key} does not fulfil {each.operator} of advanced_filters" for each in failing), "")

    def _cased(self, text: str) -> str:
        return text if self._is_case_sensitive else text.lower()


def operator_of(name: str) -> Operator:
    """The operator of that name, in any case. Raises FilterInvalid."""
    operator = _OPERATORS.get(name.lower())
    if operator is None:
        raise FilterInvalid(f"there is no operator {_shown(name)}; there are {', '.join(Operator)}")
    return operator


def advanced_filter(operator: Operator, key: str, values: Sequence[object]) -> AdvancedFilter:
    """A condition, compiled. `values` is empty where the operator takes none. Raises FilterInvalid."""
    path, takes = _path(key), takes_of(operator)
    if takes is Takes.NOTHING and values:
        raise FilterInvalid(f"{operator} takes neither value nor values")
    if takes is Takes.VALUE and len(values) != 1:
        raise FilterInvalid(f"{operator} takes one value")
    if takes is Takes.VALUES and not values:
        raise FilterInvalid(f"{operator} takes values, one at least")
    wanted = tuple(map(RULES[operator].fit, values)) if values else ()
    return AdvancedFilter(operator, key, tuple(values), path, wanted)


def takes_of(operator: Operator) -> Takes:
    """What a filter with this operator has beside its key."""
    return Takes.NOTHING if operator in PRESENCE else RULES[operator].takes


def require_within_limits(filters: Sequence[AdvancedFilter]) -> None:
    """Refuse more than one subscription may have. Raises FilterInvalid."""
    if len(filters) > MOST_FILTERS:
        raise FilterInvalid(f"{len(filters)} advanced filters are more than {MOST_FILTERS}")
    values = sum(len(each.values) for each in filters)
    if values > MOST_VALUES:
        raise FilterInvalid(f"{values} values in all the filters are more than {MOST_VALUES}")


def _path(key: str) -> tuple[str, ...]:
    if len(key) > KEY_CHARACTERS:
        raise FilterInvalid(f"a key of {len(key)} characters is longer than {KEY_CHARACTERS}")
    path = tuple(key.lower().split("."))
    is_of_envelope = len(path) == 1 and _is_among(path, (*EVENT_GRID_KEYS, *CLOUD_EVENTS_KEYS))
    is_of_data = path[0] == "data" and len(path) > 1 and all(path)
    if not (is_of_envelope or is_of_data):
        keys = dict.fromkeys((*EVENT_GRID_KEYS, *CLOUD_EVENTS_KEYS))
        raise FilterInvalid(f"{_shown(key)} is no key: there are {', '.join(keys)}, and data.NAME, data.NAME.NAME …")
    if key.lower() in MADE_LAST:
        raise FilterInvalid(f"{MADE_LAST[key.lower()]} is made anew for each event: nothing can be told by it")
    return path


def _is_among(path: Sequence[str], keys: Iterable[str]) -> bool:
    return path[0] in map(str.lower, keys)


def _member(event: Mapping[str, object], path: Sequence[str]) -> object:
    """The member at `path`; None for one that is not there, as for null."""
    it: object = event
    for wanted in path:
        if not isinstance(it, Mapping):
            return None
        it = next((value for name, value in it.items() if name.lower() == wanted), None)
    return it


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
