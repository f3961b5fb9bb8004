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
from strowger.events.terms import DeliveryTerms

NAME_LENGTH: Final = 64
"""Characters in a subscription's name (Event Grid: event subscription names)."""

_FAILOVER: Final = " → failover"
"""No name has such an arrow in it."""


class Schema(StrEnum):
    """In which envelope a subscription gets its events, and how its endpoint consents."""

    EVENT_GRID = "event-grid"
    CLOUD_EVENTS = "cloudevents"


class Channel(StrEnum):
    """What a subscription is told of: each type of event goes over one channel and never over another."""

    ACS = "acs"
    """The events of Azure Communication Services."""
    OUTCOMES = "outcomes"
    """Those of our own, which ACS does not have: what became of redirects."""


class DeliveryMode(StrEnum):
    """Who begins when an event is to be handed over (Event Grid: delivery mode)."""

    PUSH = "push"
    """We do: every event is posted to the endpoint."""
    PULL = "pull"
    """The application does: it fetches its events."""


MEMBERS: Final[dict[Schema, tuple[str, ...]]] = {
    Schema.EVENT_GRID: (
        "id", "topic", "subject", "eventType", "eventTime", "dataVersion", "metadataVersion", "data",
    ),
    Schema.CLOUD_EVENTS: ("id", "source", "subject", "type", "time", "specversion", "data"),
}  # fmt: skip
"""The members of an event."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One application that wants the events of one resource.

    Raises `SubscriptionInvalid` for a name that cannot be a header value, an endpoint that is not an http(s) URL or
    that is there although events are fetched, and headers that contradict each other or that nothing is sent with.
    """

    resource: str
    name: str
    endpoint: str = dataclasses.field(repr=False)
    """Empty for one whose events are fetched; its query may be a secret."""
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
    channel: Channel = Channel.ACS
    is_paused: bool = False
    """Whether it begins paused: there, and told nothing."""
    terms: DeliveryTerms = dataclasses.field(default_factory=DeliveryTerms)
    """How much is sent at once, and how long it is tried."""
    failover_endpoint: str = dataclasses.field(default="", repr=False)
    """Asked where the endpoint does not answer, or answers with a 5xx; empty for none. It consents for itself."""
    is_failover: bool = False
    """Whether this is the failover of another one, to be asked for its consent."""
    delivery: DeliveryMode = DeliveryMode.PUSH

    def __post_init__(self) -> None:
        if not (0 < len(self.name) <= NAME_LENGTH and self.name.isascii() and self.name.isprintable()):
            raise SubscriptionInvalid(f"name: 1 to {NAME_LENGTH} printable ASCII characters, please")
        if self.is_pull:
            if self.endpoint or self.failover_endpoint or self.headers or self.headers_from or self.signing_secrets:
                raise SubscriptionInvalid(f"{self.key}: its events are fetched: no endpoint, headers or secrets")
            return
        has_user = _has_user("endpoint", self.key, self.endpoint)
        if self.failover_endpoint:
            has_user = _has_user("failover_endpoint", self.key, self.failover_endpoint) or has_user
        try:
            check(self.headers, self.headers_from, MEMBERS[self.schema], has_user=has_user)
        except ValueError as error:
            raise SubscriptionInvalid(f"headers of {self.key}: {error}") from error
        if self.takes_batches and self.headers_from:
            raise SubscriptionInvalid(f"headers of {self.key}: in a batch there is no one event to take them from")

    @property
    def is_pull(self) -> bool:
        """Whether the application fetches its events."""
        return self.delivery is DeliveryMode.PULL

    @property
    def key(self) -> str:
        """`resource/name`, as outbox entries name it; that of a failover can be the name of no other."""
        return f"{self.resource}/{self.name}{_FAILOVER if self.is_failover else ''}"

    @property
    def failover_key(self) -> str:
        """The key of its failover, whether or not it has one."""
        return f"{self.resource}/{self.name}{_FAILOVER}"

    @property
    def failover(self) -> Subscription | None:
        """Its failover as one that is asked for consent; None when it has none."""
        if not self.failover_endpoint:
            return None
        return dataclasses.replace(self, endpoint=self.failover_endpoint, failover_endpoint="", is_failover=True)

    @property
    def takes_batches(self) -> bool:
        """Whether several events may come in one request."""
        return self.terms.batch.events > 1

    def is_asked_like(self, other: Subscription) -> bool:
        """Whether the consent to the one is consent to the other: only what never reaches the endpoint differs."""
        ours = dataclasses.replace(
            other,
            filter=self.filter,
            channel=self.channel,
            is_paused=self.is_paused,
            terms=self.terms,
            failover_endpoint=self.failover_endpoint,
        )
        return ours == self

    @property
    def shown_endpoint(self) -> str:
        """The endpoint without user information and query, which may hold secrets: fit for logs and pages.

        Empty where there is none.
        """
        if self.is_pull:
            return ""
        url = urlsplit(self.endpoint)
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _has_user(name: str, key: str, endpoint: str) -> bool:
    """Whether an endpoint has user information. Raises `SubscriptionInvalid` for one that nothing can be sent to."""
    try:
        url = urlsplit(endpoint)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    # Readers of URLs disagree about where a host ends that has a backslash in it.
    if not (usable and endpoint.isprintable() and not set(endpoint) & {" ", "\\"}):
        raise SubscriptionInvalid(f"{name} of {key}: not a complete http or https URL")
    return url.username is not None
