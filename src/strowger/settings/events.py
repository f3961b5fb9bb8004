"""The table [events]: how applications are told, whichever subscription tells them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Final, Literal

import msgspec

from strowger.events.address_policy import AddressPolicy
from strowger.settings import kinds, reader
from strowger.settings.row import row

STATUSES: Final = kinds.Kind(
    "numbers",
    "[400, 404, …], each from 300 to 599; empty for none",
    reader.each(reader.typed(Annotated[int, msgspec.Meta(ge=300, le=599)])),
    (),
    from_text=kinds.json_value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """How applications are told of calls."""

    private_targets: Literal["refuse", "allow"] = row(
        kinds.choice("refuse", "allow"),
        "refuse",
        "Whether events are posted to addresses that are not of the public Internet, and to ports of other services, "
        "as 22 is. refuse: only in private_networks. allow: anywhere, for development; strowger dev has it so.",
    )
    private_networks: tuple[str, ...] = row(
        kinds.NETWORKS,
        [],
        "Private networks that applications are in: events may be posted to them, whatever subscription says so.",
    )
    manual_validation: float = row(
        kinds.DURATION,
        "10m",
        "How long a subscription with profile = \"event-grid\" whose endpoint answered without its consent may wait "
        "for its validation URL to be opened; then it fails.",
    )

    not_retried: tuple[int, ...] = row(
        STATUSES,
        [400, 401, 403, 413],
        "Statuses after which an event is given up at once, as Event Grid has them; 410 and 415 besides, where "
        "CloudEvents are sent.",
    )

    @property
    def address_policy(self) -> AddressPolicy:
        """Where endpoints may be."""
        return AddressPolicy(self.private_targets == "allow", tuple(map(ip_network, self.private_networks)))
