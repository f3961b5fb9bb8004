"""Toll fraud control: whether a call may leave for the outside now, asked before a trunk is.

A stolen access key is worth what it can make us dial. So, beside the rules about numbers, calls are counted by resource
and by caller: how many there are at one time, in any minute and in any 24 hours, and how long they talk. An answered
call counts until its end is seen; where nobody will tell us of that, for a time that is assumed. Counts are kept in
memory; after a restart they are made anew from the calls that the store has.

Pure: the time comes in, on the monotonic clock and in seconds. Logging a refusal is the shell's (`refused`).
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from strowger.calls.call import Call, Hop, State
from strowger.calls.decision import Accepted, Answer
from strowger.calls.errors import CallError, DecisionRefused
from strowger.calls.identifier import Identifier, Kind
from strowger.calls.outside_minutes import DAY_S, TalkTime
from strowger.calls.outside_refusal import CALLS, MINUTES, OF_CALLER, PER_DAY, PER_MINUTE, forbidden, throttled
from strowger.calls.outside_rules import EMERGENCY_CALL, HAIRPIN, OutsideRules

MINUTE_S: Final = 60.0
ANSWERED_COUNTED: Final = 20_000
"""Answered calls at one time; beyond it the oldest counts as over."""
_KEY_CHARACTERS: Final = 100
"""Of a caller's raw id; longer ones that begin alike are counted together."""

class Attempt(NamedTuple):
    """A call that is to leave."""

    resource: str
    caller: str
    """Raw id of who calls. All who hide their number are one caller."""
    dialled: str
    """What the trunk would be asked for."""
    called: tuple[str, ...] = ()
    """The numbers of ours that it was for until now."""
    is_from_outside: bool = False
    """Whether the caller is no user of ours."""


def attempt_of(call: Call, dialled: str) -> Attempt:
    """What a call attempts that is to leave for `dialled`."""
    called = tuple(hop.to.number for hop in call.hops if hop.to.kind is Kind.PHONE_NUMBER)
    return Attempt(call.resource, call.caller.raw_id, dialled, called, is_outside(call.caller))


def is_outside(caller: Identifier) -> bool:
    """Whether a caller is anybody but a user of ours, as far as that was proven."""
    return caller.kind is not Kind.COMMUNICATION_USER


def outside_targets(hop: Hop) -> int:
    """How many targets outside a hop rings at one time, whichever trunks were tried for each."""
    if hop.group is None:
        return 1 if hop.via else 0
    return sum(1 for branch in hop.group.branches if branch.trunk)


Refused = Callable[[Attempt, str, str], None]
"""Told of every refusal: what was refused, the reason, and the sentence for a person."""


class _Running(NamedTuple):
    resource: str
    caller: str
    began_at: float


class _Talk(NamedTuple):
    """A call that was answered."""

    resource: str
    began_at: float
    until: float
    """When it counts as over if nobody says so before."""


class OutsidePolicy:
    """Every rule and every count."""

    def __init__(
        self,
        rules: Mapping[str, OutsideRules] | None = None,
        usual: OutsideRules | None = None,
        *,
        callers: int = 10_000,
        refused: Refused = lambda attempt, reason, why: None,
    ) -> None:
        """`rules` by resource, `usual` for the rest. `callers` are remembered of all resources together, each with the
        calls of a day; beyond it the one without a new call for the longest time begins anew.
        """
        self._rules = rules or {}
        self._usual = usual or OutsideRules()
        self.most_callers = callers
        self._refused = refused
        self._running: dict[str, tuple[_Running, ...]] = {}
        """By call: one for each target outside that it rings at one time."""
        self._talking: OrderedDict[str, _Talk] = OrderedDict()
        """Those that were answered, in that order."""
        self._silent_ends: list[tuple[float, str]] = []
        """When each of them counts as over at the latest; a heap, with some in it that are over since."""
        self._talk_of: dict[str, TalkTime] = {}
        self._numbers: Counter[tuple[str, str]] = Counter()
        """Calls outside now, by resource and caller; with an empty caller those of the whole resource."""
        self._of_resources: dict[str, deque[float]] = {}
        self._of_callers: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        self.refusals: Counter[str] = Counter()
        """How often each of `REASONS` was given."""

    def rules(self, resource: str) -> OutsideRules:
        """What a resource may do."""
        return self._rules.get(resource, self._usual)

    def apart(self, resource: str, caller: str) -> OutsidePolicy:
        """One by the same rules, with all that a call of this caller is judged by. What it counts is for itself, and
        nobody is told what it refuses.
        """
        found, key = OutsidePolicy(self._rules, self._usual), (resource, _key(caller))
        found._numbers.update({each: self._numbers[each] for each in ((resource, ""), key) if each in self._numbers})
        if resource in self._of_resources:
            found._of_resources[resource] = self._of_resources[resource].copy()
        if key in self._of_callers:
            found._of_callers[key] = self._of_callers[key].copy()
        found._talking.update((name, talk) for name, talk in self._talking.items() if talk.resource == resource)
        found._running.update((name, self._running[name]) for name in found._talking if name in self._running)
        found._silent_ends = [each for each in self._silent_ends if each[1] in found._talking]
        heapq.heapify(found._silent_ends)
        if resource in self._talk_of:
            found._talk_of[resource] = self._talk_of[resource].copy()
        return found

    def running(self) -> Iterable[tuple[str, int]]:
        """Calls outside, of each resource that has some."""
        return sorted((resource, number) for (resource, caller), number in self._numbers.items() if not caller)

    def callers_remembered(self) -> int:
        """How many callers have counts."""
        return len(self._of_callers)

    def verdict(self, attempt: Attempt, now: float) -> DecisionRefused | None:
        """What `begin` would raise. Changes nothing and tells nobody."""
        found = self._judge(attempt, now)
        return found[1] if found is not None else None

    def begin(self, call_id: str, attempt: Attempt, now: float, answer: Answer) -> Answer:
        """Count a call that is about to leave. Raises TargetForbidden or CallThrottled; then nothing is counted.

        What is returned is to be told how the decision went, and passes it on: one that was not written never left.
        """
        return self.begin_each(call_id, (attempt,), now, answer)

    def begin_each(self, call_id: str, attempts: Sequence[Attempt], now: float, answer: Answer) -> Answer:
        """The same for a call that leaves for several targets at one time; each counts as a call of its own.

        They take the place of what the call rang outside until now.
        """
        for refusal in self.sift(call_id, attempts, now):
            if refusal is not None:
                raise refusal
        before = self._running.get(call_id, ())
        for attempt in attempts:
            self._note(attempt.resource, _key(attempt.caller), now)
        self._run(call_id, tuple(_Running(each.resource, _key(each.caller), now) for each in attempts))

        def told(outcome: Accepted | CallError) -> None:
            if isinstance(outcome, CallError):
                self._undo(call_id, before)
            answer(outcome)

        return told

    def sift(self, call_id: str, attempts: Sequence[Attempt], now: float) -> list[DecisionRefused | None]:
        """Which of several targets may be rung at one time: for each why not, or None. Counts the refusals only."""
        found = self._judge_each(attempts, now, len(self._running.get(call_id, ())))
        for attempt, refused in zip(attempts, found, strict=True):
            if refused is not None:
                reason, refusal = refused
                self.refusals[reason] += 1
                self._refused(attempt, reason, str(refusal))
        return [refused[1] if refused is not None else None for refused in found]

    def verdicts(self, attempts: Sequence[Attempt], now: float) -> list[DecisionRefused | None]:
        """What `sift` would say of a call that rings nobody outside yet. Counts nothing and tells nobody."""
        return [refused[1] if refused is not None else None for refused in self._judge_each(attempts, now, 0)]

    def took_effect(self, call: Call) -> None:
        """Every change of a call comes by here: one that is over, or here again, is no longer outside. One that was
        answered outside is: see `answered`.
        """
        if call.state is State.ANSWERED and call.call_id in self._talking:
            return
        if call.is_over or not outside_targets(call.hop):
            self._end(call.call_id)

    def answered(self, call_id: str, now: float, *, is_followed: bool) -> None:
        """Somebody outside answers a call. With `is_followed` its end is told by `hung_up`, else it is assumed."""
        if call_id not in self._running:
            return
        call = self._running[call_id][0]
        self._run(call_id, (call,))
        rules = self.rules(call.resource)
        self._talk(call_id, call.resource, now, now + (rules.longest_call_s if is_followed else rules.assumed_call_s))

    def hung_up(self, call_id: str, now: float) -> None:
        """An answered call has ended."""
        self._end_silent(now)
        self._end(call_id, now)

    def resume(self, call: Call, now: float) -> None:
        """Count a call again that is outside since before a restart."""
        targets = outside_targets(call.hop)
        if targets:
            self._run(call.call_id, (_Running(call.resource, _key(call.caller.raw_id), now),) * targets)

    def recall(self, calls: Iterable[Call], now: float, wall: float) -> None:
        """Count what left for the outside within a day before a restart, as far as `calls` tell; `wall` is the time.

        Whether an answered call is over is not known: it is assumed to last as long as one whose end is not told.
        """
        began: list[tuple[float, str, str]] = []
        for call in sorted(calls, key=lambda each: each.ended_at):
            for hop in call.hops:
                age_s = wall - hop.opened_at
                if age_s < DAY_S:
                    one = (now - max(0.0, age_s), call.resource, _key(call.caller.raw_id))
                    began += [one] * outside_targets(hop)
            if call.state is State.ANSWERED and outside_targets(call.hop):
                self._recall_talk(call, now, max(0.0, wall - call.ended_at))
        for at, resource, caller in sorted(began):
            self._note(resource, caller, at)

    def _recall_talk(self, call: Call, now: float, age_s: float) -> None:
        assumed_s = self.rules(call.resource).assumed_call_s
        if age_s < assumed_s:
            self._run(call.call_id, (_Running(call.resource, _key(call.caller.raw_id), now - age_s),))
            self._talk(call.call_id, call.resource, now - age_s, now - age_s + assumed_s)
        elif age_s < DAY_S:
            self._time_of(call.resource).add(assumed_s, now - age_s + assumed_s)

    def _talk(self, call_id: str, resource: str, began_at: float, until: float) -> None:
        self._talking[call_id] = _Talk(resource, began_at, until)
        self._time_of(resource).begin(began_at)
        heapq.heappush(self._silent_ends, (until, call_id))
        if len(self._talking) > ANSWERED_COUNTED:
            self._end(next(iter(self._talking)), began_at)

    def _time_of(self, resource: str) -> TalkTime:
        return self._talk_of.setdefault(resource, TalkTime())

    def _undo(self, call_id: str, before: tuple[_Running, ...]) -> None:
        """What the call rang outside `before`, it rings on."""
        calls = self._running.get(call_id, ())
        self._end(call_id)
        if before:
            self._run(call_id, before)
        for call in calls:
            for log in (self._of_resources.get(call.resource), self._of_callers.get((call.resource, call.caller))):
                if log is not None and call.began_at in log:
                    log.remove(call.began_at)

    def _end(self, call_id: str, now: float = 0.0) -> None:
        """`now` matters to a call that was answered."""
        calls = self._running.pop(call_id, ())
        talk = self._talking.pop(call_id, None)
        if talk is not None:
            self._time_of(talk.resource).end(talk.began_at, min(now, talk.until))
        for call in calls:
            for key in ((call.resource, ""), (call.resource, call.caller)):
                self._numbers[key] -= 1
                if not self._numbers[key]:
                    del self._numbers[key]

    def _end_silent(self, now: float) -> None:
        while self._silent_ends and self._silent_ends[0][0] <= now:
            until, call_id = heapq.heappop(self._silent_ends)
            talk = self._talking.get(call_id)
            if talk is not None and talk.until == until:
                self._end(call_id, until)

    def _run(self, call_id: str, calls: tuple[_Running, ...]) -> None:
        self._end(call_id)
        self._running[call_id] = calls
        for call in calls:
            self._numbers[call.resource, ""] += 1
            self._numbers[call.resource, call.caller] += 1

    # Judging ---------------------------------------------------------------------------------------------------------

    def _judge_each(
        self, attempts: Iterable[Attempt], now: float, ending: int
    ) -> list[tuple[str, DecisionRefused] | None]:
        found: list[tuple[str, DecisionRefused] | None] = []
        for attempt in attempts:
            found.append(self._judge(attempt, now, sum(each is None for each in found), ending))
        return found

    def _judge(
        self, attempt: Attempt, now: float, leaving: int = 0, ending: int = 0
    ) -> tuple[str, DecisionRefused] | None:
        """Beside `leaving` calls that leave together with it, in the place of `ending` ones that still count."""
        self._end_silent(now)
        rules = self.rules(attempt.resource)
        reason = _forbids(rules, attempt)
        if reason:
            return reason, forbidden(reason, attempt.resource, attempt.dialled)
        key = _key(attempt.caller)
        limit = _over(
            (rules.caller_calls, rules.caller_calls_per_minute, rules.caller_calls_per_day),
            self._numbers.get((attempt.resource, key), 0) + leaving - ending,
            self._of_callers.get((attempt.resource, key), ()),
            now,
            leaving,
        )
        if limit:
            setting = f"{OF_CALLER}{limit}"
            return setting, throttled(setting, getattr(rules, setting), "this caller")
        limit = _over(
            (rules.calls, rules.calls_per_minute, rules.calls_per_day),
            self._numbers.get((attempt.resource, ""), 0) + leaving - ending,
            self._of_resources.get(attempt.resource, ()),
            now,
            leaving,
        ) or self._over_minutes(rules, attempt.resource, now)
        return (limit, throttled(limit, getattr(rules, limit), attempt.resource)) if limit else None

    def _over_minutes(self, rules: OutsideRules, resource: str, now: float) -> str:
        talk = self._talk_of.get(resource)
        if talk is None or not rules.minutes_per_day:
            return ""
        return MINUTES if talk.used_s(now) >= rules.minutes_per_day * MINUTE_S else ""

    # Remembering -----------------------------------------------------------------------------------------------------

    def _note(self, resource: str, caller: str, now: float) -> None:
        rules = self.rules(resource)
        _append(self._of_resources.setdefault(resource, deque()), rules.calls_per_minute, rules.calls_per_day, now)
        log = self._of_callers.setdefault((resource, caller), deque())
        self._of_callers.move_to_end((resource, caller))
        _append(log, rules.caller_calls_per_minute, rules.caller_calls_per_day, now)
        if len(self._of_callers) > self.most_callers:
            self._of_callers.popitem(last=False)


def _forbids(rules: OutsideRules, attempt: Attempt) -> str:
    """Why this call may not go there at any time; empty when it may."""
    if any(map(rules.is_emergency, attempt.called)):
        return EMERGENCY_CALL
    return rules.refuses(attempt.dialled) or ("" if rules.may_hairpin or not attempt.is_from_outside else HAIRPIN)


def _append(log: deque[float], per_minute: int, per_day: int, now: float) -> None:
    """Write down a call and drop what no limit asks for: so a log is never longer than the greater of its limits."""
    span_s = DAY_S if per_day else MINUTE_S if per_minute else 0.0
    log.append(now)
    while log and log[0] <= now - span_s:
        log.popleft()


def _over(limits: tuple[int, int, int], running: int, log: deque[float] | tuple[()], now: float, leaving: int) -> str:
    at_once, per_minute, per_day = limits
    if at_once and running >= at_once:
        return CALLS
    if _is_full(log, per_minute, MINUTE_S, now, leaving):
        return PER_MINUTE
    return PER_DAY if _is_full(log, per_day, DAY_S, now, leaving) else ""


def _is_full(log: deque[float] | tuple[()], most: int, span_s: float, now: float, leaving: int) -> bool:
    """Whether `most` calls began within the span that ends now, those `leaving` among them; the log is in order of
    time.
    """
    if not most or leaving >= most:
        return bool(most)
    left = most - leaving
    return left <= len(log) and log[-left] > now - span_s


def _key(caller: str) -> str:
    return caller.lower()[:_KEY_CHARACTERS] or "?"
