"""The bounds of the location room. Each has a name, a unit and a reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LocationLimits:
    """Bounds of look-ups and of what is remembered of them."""

    records: int = 16
    """Records used of one DNS answer; a domain with more is not served better by them."""
    destinations: int = 16
    """Addresses given for one URI. A caller does not wait for the seventeenth."""
    names: int = 1_000
    """DNS questions whose answers are remembered; the oldest go first."""
    pending: int = 64
    """DNS questions under way at once."""
    question_s: float = 2.0
    """Seconds one DNS question may take, repeats included."""
    location_s: float = 4.0
    """Seconds until a URI has its addresses or is given up; the caller is told within five."""
    ttl_floor_s: float = 5.0
    """Seconds an answer is used at least: some name servers say 0, and every call would wait for them."""
    ttl_ceiling_s: float = 3_600.0
    """Seconds an answer is used at most without asking again."""
    absent_ceiling_s: float = 300.0
    """Seconds it is believed at most that a name has no such record (RFC 2308 §5)."""
    stale_s: float = 3_600.0
    """Seconds for which the last good answer is still used when the name servers fail (RFC 8767 §5)."""
    retry_s: float = 5.0
    """Seconds after a failed question until it is asked again; doubled with each further failure."""
    retry_ceiling_s: float = 60.0
    """What the doubling ends at."""
    avoided: int = 1_000
    """Destinations remembered as out of service."""
