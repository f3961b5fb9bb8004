"""A subscription: which endpoint is told of which of a resource's calls. Its handshake is in `handshake`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from strowger.events.delivery_headers import Header, check
from strowger.events.errors import SubscriptionInvalid
from strowger.events.filters import EventFilter
from strowger.events.retry import Profile

NAME_LENGTH: Final = 64
"""Characters in a subscription's name (Event Grid: event subscription names)."""


class Schema(StrEnum):
    """In which envelope a subscription gets its events, and how its endpoint consents."""

    EVENT_GRID = "event-grid"
    CLOUD_EVENTS = "cloudevents"


MEMBERS: Final[dict[Schema, tuple[str, ...]]] = {
    Schema.EVENT_GRID: (
        "id", "topic", "subject", "eventType", "eventTime", "dataVersion", "metadataVersion", "data",
    ),
    Schema.CLOUD_EVENTS: ("id", "source", "subject", "type", "time", "specversion", "data"),
}  # fmt: skip
"""The members of an event."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One endpoint that wants the events of one resource.

    Raises `SubscriptionInvalid` for a name that cannot be a header value, an endpoint that is not an http(s) URL, and
    headers that contradict each other.
    """

    resource: str
    name: str
    endpoint: str
    topic: str
    profile: Profile = Profile.TELEPHONY
    verify_tls: bool = True
    """Whether the endpoint's certificate is checked; off only for development."""
    schema: Schema = Schema.EVENT_GRID
    headers: tuple[Header, ...] = dataclasses.field(default=(), repr=False)
    """What goes with every request, perhaps secrets."""
    signing_secrets: tuple[bytes, ...] = dataclasses.field(default=(), repr=False)
    """What its requests are signed with; none for no signature."""
    headers_from: tuple[Header, ...] = ()
    """What goes with every event, each with the path of the member that has its value."""
    filter: EventFilter = dataclasses.field(default_factory=EventFilter)
    """Which events of the resource it is told of."""
    is_paused: bool = False
    """Whether it begins paused: there, and told nothing."""

    def __post_init__(self) -> None:
        if not (0 < len(self.name) <= NAME_LENGTH and self.name.isascii() and self.name.isprintable()):
            raise SubscriptionInvalid(f"name: 1 to {NAME_LENGTH} printable ASCII characters, please")
        try:
            url = urlsplit(self.endpoint)
            usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            usable = False
        # Readers of URLs disagree about where a host ends that has a backslash in it.
        if not (usable and self.endpoint.isprintable() and not set(self.endpoint) & {" ", "\\"}):
            raise SubscriptionInvalid(f"endpoint of {self.key}: not a complete http or https URL")
        try:
            check(self.headers, self.headers_from, MEMBERS[self.schema], has_user=url.username is not None)
        except ValueError as error:
            raise SubscriptionInvalid(f"headers of {self.key}: {error}") from error

    @property
    def key(self) -> str:
        """`resource/name`, as outbox entries name it."""
        return f"{self.resource}/{self.name}"

    def is_asked_like(self, other: Subscription) -> bool:
        """Whether the consent to the one is consent to the other: only what never reaches the endpoint differs."""
        return dataclasses.replace(other, filter=self.filter, is_paused=self.is_paused) == self

    @property
    def shown_endpoint(self) -> str:
        """The endpoint without user information and query, which may hold secrets: fit for logs and pages."""
        url = urlsplit(self.endpoint)
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
