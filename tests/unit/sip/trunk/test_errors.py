from __future__ import annotations

from strowger.sip.trunk.errors import EveryTrunkDown, NoRoute, TrunkError


def test_one_tree() -> None:
    assert issubclass(NoRoute, TrunkError)
    assert issubclass(EveryTrunkDown, TrunkError)
    assert EveryTrunkDown("all are down").retry_after_s == 0.0
