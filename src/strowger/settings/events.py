"""The table [events]: how applications are told, whichever subscription tells them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal

from strowger.events.address_policy import AddressPolicy
from strowger.settings import kinds
from strowger.settings.row import row


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

    @property
    def address_policy(self) -> AddressPolicy:
        """Where endpoints may be."""
        return AddressPolicy(self.private_targets == "allow", tuple(map(ip_network, self.private_networks)))
