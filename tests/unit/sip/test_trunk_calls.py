"""The trunks as calls see them."""

from __future__ import annotations

from strowger.sip.authentication.client import Account, DigestClient
from strowger.sip.authentication.credentials import Credential
from strowger.sip.trunk.origin import Origins
from strowger.sip.trunk.trunk import Trunk
from strowger.sip.trunk_calls import TrunkCalls

ACCOUNT = Account(Credential.of_password("us", "carrier", "s3cret"), frozenset(("192.0.2.1",)))


class Watching:
    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def heard(self, trunk: str, status: int, retry_after_s: float | None) -> None:
        self.told.append((trunk, status, retry_after_s))

    def failed(self, trunk: str, why: str) -> None:
        self.told.append((trunk, why))


def two_trunks() -> tuple[TrunkCalls, Watching]:
    watching = Watching()
    trunks = [Trunk("a", "sip:192.0.2.1", account=ACCOUNT), Trunk("b", "sip:192.0.2.2")]
    return TrunkCalls(trunks, watching, lambda: "cnonce"), watching


def test_each_trunk_has_its_account_or_none() -> None:
    trunks, _ = two_trunks()
    assert isinstance(trunks.account("a"), DigestClient)
    assert trunks.account("a") is trunks.account("a"), "it counts the uses of a nonce"
    assert (trunks.account("b"), trunks.account("gone"), trunks.trunk("gone")) == (None, None, None)


def test_what_calls_meet_counts_for_the_health() -> None:
    trunks, watching = two_trunks()
    trunks.failed("a", "it did not answer a call")
    trunks.heard("b", 503, 30.0)
    assert watching.told == [("a", "it did not answer a call"), ("b", 503, 30.0)]


def test_a_trunk_that_is_gone_from_the_settings_has_no_health() -> None:
    trunks, watching = two_trunks()
    trunks.heard("gone", 503, None)
    trunks.failed("gone", "silence")
    assert watching.told == []


def test_where_a_trunk_is() -> None:
    trunks = [Trunk("a", "sip:Carrier.example;transport=tcp"), Trunk("b", "sip:[2001:db8::1]:5070")]
    calls = TrunkCalls(trunks, Watching(), lambda: "cnonce", Origins([("b", ["192.0.2.0/24"])]))
    assert calls.at("198.51.100.1", "carrier.EXAMPLE.") == "a"
    assert [calls.at(host, "x.example") for host in ("2001:db8::1", "192.0.2.7", "::ffff:192.0.2.7")] == ["b"] * 3
    assert (calls.at("198.51.100.1", "x.example"), calls.at("", ""), two_trunks()[0].at("192.0.2.9")) == ("", "", "")
