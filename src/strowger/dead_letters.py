"""The dead letters of a running server, for the admin API: what the events room keeps, as the console shows it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from strowger.base.text import printable
from strowger.calls.dead_letters import DeadLetter
from strowger.console.dead_letters import DeadLettersView, DeadLetterView, LetterGoneView, WholeLetterView
from strowger.console.errors import BodyInvalid, Conflict, NotThere
from strowger.console.views import iso
from strowger.events.delivery import EventDelivery
from strowger.events.editing import edited
from strowger.events.errors import EventInvalid, SubscriptionInvalid


class _Type(msgspec.Struct, rename="camel"):
    event_type: str = ""


class DeadLetterOffice:
    """A `console.dead_letters.DeadLetters`."""

    def __init__(self, delivery: EventDelivery, event_bytes: int) -> None:
        """`event_bytes` bounds an event that is sent in the place of another."""
        self._delivery = delivery
        self._event_bytes = event_bytes

    def newest(self, limit: int, subscription: str) -> DeadLettersView:
        """The newest ones first. Raises StoreUnavailable."""
        letters = self._delivery.dead_letters
        return DeadLettersView(tuple(map(view, letters.newest(limit, subscription))), len(letters))

    def one(self, letter_id: str) -> WholeLetterView:
        """One by its id or a beginning of it. Raises NotThere, StoreUnavailable."""
        letter = self._found(letter_id)
        return WholeLetterView(view(letter), msgspec.Raw(letter.entry.body))

    async def resend(self, letter_id: str, event: Mapping[str, object] | None) -> LetterGoneView:
        """Send one again, or another event in its place. Raises BodyInvalid, Conflict, NotThere, StoreUnavailable."""
        letter = self._found(letter_id)
        try:
            body = b"" if event is None else edited(letter.entry.body, event, self._event_bytes)
            await self._delivery.resend(letter, body)
        except EventInvalid as error:
            raise BodyInvalid(printable(f"This cannot take the place of the event: {error}.", 400)) from error
        except SubscriptionInvalid as error:
            raise Conflict(f"It is not sent: {error}.") from error
        return LetterGoneView(letter.letter_id, letter.entry.event_id, is_resent=True)

    async def remove(self, letter_id: str) -> LetterGoneView:
        """Forget one. Raises NotThere, StoreUnavailable."""
        letter = self._found(letter_id)
        await self._delivery.dead_letters.forget(letter.letter_id)
        return LetterGoneView(letter.letter_id, letter.entry.event_id, is_resent=False)

    def _found(self, letter_id: str) -> DeadLetter:
        letter = self._delivery.dead_letters.find(letter_id)
        if letter is None:
            which = printable(letter_id, 40)
            raise NotThere(f"No dead letter, or more than one, has an id that begins with {which!r}.")
        return letter


def view(letter: DeadLetter) -> DeadLetterView:
    """One letter without its event."""
    entry = letter.entry
    return DeadLetterView(
        letter_id=letter.letter_id,
        subscription=entry.subscription,
        call_id=entry.call_id,
        event_id=entry.event_id,
        event_type=msgspec.json.decode(entry.body, type=_Type).event_type,
        dead_letter_reason=letter.reason,
        why=letter.why,
        delivery_attempts=entry.attempts,
        last_delivery_outcome=entry.last_outcome,
        publish_time=iso(entry.created_at),
        last_delivery_attempt_time=iso(entry.last_attempt_at) if entry.last_attempt_at else None,
        died_at=iso(letter.died_at),
        octets=len(entry.body),
    )
