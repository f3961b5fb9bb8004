"""The bounds and the policy of a registrar."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a phone may ask for. Times in seconds."""

    default_expires_s: int = 3_600
    """For a contact that names no time or a malformed one (RFC 3261 §10.2.1.1)."""
    min_expires_s: int = 60
    """A shorter time is refused with 423 (RFC 3261 §10.3 step 7)."""
    max_expires_s: int = 3_600
    """A longer time is cut to this."""
    contacts: int = 10
    """Contacts of one address of record at once; a further one is refused with 403."""
    path_values: int = 8
    """Proxies between a phone and us; a longer Path is refused with 400."""
    requires_path_support: bool = True
    """Whether a Path that the phone did not say to support is refused with 420, as RFC 3327 §5.3 recommends.

    False for a proxy in front that adds one for every phone.
    """
    flow_timer_s: int = 120
    """How often a phone with an outbound flow has to be heard of, told in Flow-Timer (RFC 5626 §4.4); 0 tells
    nothing."""

    def __post_init__(self) -> None:
        if not 0 < self.min_expires_s <= self.default_expires_s <= self.max_expires_s:
            raise ValueError("the times of a registration are above 0, and in this order: minimum, default, maximum")
        if self.contacts < 1 or self.path_values < 0 or self.flow_timer_s < 0:
            raise ValueError("a registrar allows at least one contact, and no limit is negative")
