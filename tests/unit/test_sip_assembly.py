"""What the settings say of SIP, in the terms of its rooms."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger import assembly, sip_assembly
from strowger.accounts import accounts
from strowger.settings import Settings
from strowger.sip.admission import Admission
from strowger.sip.authentication.auth_params import parse_auth_params
from strowger.sip.authentication.authenticator import Challenge
from strowger.sip.authentication.client import Account
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.errors import CredentialInvalid
from strowger.sip.flow import Flow
from strowger.sip.message.errors import Refusal
from strowger.sip.message.limits import MessageLimits
from strowger.sip.registrar.limits import Limits as RegistrarLimits
from strowger.sip.sender import STRANGER, TRUSTED, Sender
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.trunk.health import SendOptions
from strowger.sip.trunk.numbers import NumberFormat
from strowger.sip.trunk.roster import Report
from strowger.sip.trunk.selection import Candidate
from strowger.sip.trunk.trunk import CallerId, ForwardedAs, Mode, Trunk
from strowger.tls import create_dev_ca
from tests.support.admission import an_invite
from tests.support.settings import the_registration, the_settings


def the_admission(settings: Settings) -> Admission:
    known = accounts(settings)
    return sip_assembly.admission(settings, known, sip_assembly.authenticator(settings, known, nonce_key=bytes(32)))


@pytest.mark.parametrize(
    ("digest_md5", "offered"), [("off", ["SHA-256"]), ("on", ["SHA-256", "MD5"]), ("only", ["MD5"])]
)
def test_the_algorithms_of_a_challenge(tmp_path: Path, digest_md5: str, offered: list[str]) -> None:
    settings = the_settings(tmp_path, f'[sip]\ndigest_md5 = "{digest_md5}"')
    digest = sip_assembly.authenticator(settings, accounts(settings), nonce_key=bytes(32))
    decision = digest.decide("REGISTER", "sip:x", (), "127.0.0.1", 0.0)
    assert isinstance(decision, Challenge)
    assert [parse_auth_params(value)["algorithm"] for _, value in decision.headers] == offered


def test_limits_of_sip_go_to_the_rooms_that_keep_them(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [limits]
        sip_message = "16KiB"
        sip_header_lines = 17
        sip_header_line = 1000
        sip_via = 18
        sip_addresses = 19
        sip_uri = 200
        tcp_connecting = 21
        connecting_queue = 22
        connect = "23s"
        handshakes = 24
        handshake = "25s"
        tcp_message = "26s"
        tcp_idle = "27s"
        tcp_write_buffer = 28000
        ws_ping = "29s"
        ws_frame = 30000
        datagram = 31000
        udp_receive_buffer = 320000
        """,
    )
    message = MessageLimits(
        message_bytes=16_384, header_lines=17, header_line_bytes=1_000, vias=18, addresses=19, uri_bytes=200
    )
    assert sip_assembly.message_limits(settings) == message
    assert sip_assembly.transport_limits(settings) == TransportLimits(
        message=message,
        tcp_connecting=21,
        connecting_queue=22,
        connect_timeout_s=23.0,
        handshakes=24,
        handshake_s=25.0,
        tcp_message_s=26.0,
        tcp_idle_s=27.0,
        tcp_write_buffer_bytes=28_000,
        ws_ping_s=29.0,
        ws_frame_bytes=30_000,
        datagram_bytes=31_000,
        udp_receive_buffer_bytes=320_000,
    )


def test_limits_of_registration_go_to_the_rooms_that_keep_them(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [limits]
        registration_contacts = 2
        registration_min = "5s"
        registration_default = "6s"
        registration_max = "7s"
        wrong_passwords_per_user = 1
        wrong_passwords_per_source = 2
        wrong_passwords_within = "8s"
        nonce_lifetime = "9s"
        nonces_remembered = 1
        """,
    )
    assert sip_assembly.registrar_limits(settings) == RegistrarLimits(
        contacts=2, min_expires_s=5, default_expires_s=6, max_expires_s=7
    )
    failures = sip_assembly.failures(settings)
    failures.note("192.0.2.1", "bob", 0.0)
    assert [failures.is_barred("192.0.2.1", who, 7.9) for who in ("bob", "eve")] == [True, False]
    failures.note("192.0.2.1", "eve", 7.9)
    assert failures.is_barred("192.0.2.1", "mallory", 7.9)
    assert not failures.is_barred("192.0.2.1", "bob", 8.0)
    nonces = sip_assembly.nonces(settings, bytes(32))
    nonce = nonces.issue("192.0.2.1", 0.0)
    assert nonces.number(nonce, "192.0.2.1", 9.0) is not None
    assert nonces.number(nonce, "192.0.2.1", 9.1) is None


def test_rates_and_who_is_spared(tmp_path: Path) -> None:
    settings = the_settings(
        tmp_path,
        """
        [limits]
        messages_per_source = 1
        calls_per_source = 2
        calls_per_second = 3
        strangers_per_second = 4
        sources = 5
        memory = "100MiB"
        loop_lag = "100ms"
        [sip]
        trusted = ["192.0.2.0/24"]
        [[trunk]]
        name = "carrier"
        uri = "sip:carrier.example"
        from = ["198.51.100.7"]
        """,
    )
    throttle = sip_assembly.throttle(settings, chance=lambda: 0.0, resident_bytes=lambda: 99 << 20)
    for host, number in (("192.0.2.9", 100), ("198.51.100.7", 100), ("127.0.0.1", 1)):
        flow = Flow("UDP", host, 5060, 0)
        assert [throttle.lets_in(b"OPTIONS sip:a SIP/2.0", flow, 0.0) for _ in range(100)].count(True) == number
    throttle.overload.look(0.0, 0.09)
    assert throttle.overload.reason == ""
    throttle.overload.look(0.1, 0.1)
    assert throttle.overload.reason == "loop_lag"


@pytest.mark.parametrize(("budget", "timer_c"), [("60s", 185.0), ("180s", 185.0), ("600s", 605.0)])
def test_timer_c_outlasts_the_ring_budget_and_is_more_than_three_minutes(
    tmp_path: Path, budget: str, timer_c: float
) -> None:
    settings = the_settings(tmp_path, f'[limits]\nring_budget = "{budget}"')
    assert sip_assembly.manners(settings).timer_c_s == timer_c


def test_timer_c_can_be_set(tmp_path: Path) -> None:
    assert sip_assembly.manners(the_settings(tmp_path, '[sip]\ntimer_c = "240s"')).timer_c_s == 240.0


def test_sip_over_tls_takes_its_own_certificate_or_that_of_the_api(tmp_path: Path) -> None:
    assert sip_assembly.sip_tls(the_settings(tmp_path), None) is None
    listening = '[listen]\nsip = ["tls:127.0.0.1:0"]\n'
    ours = create_dev_ca(tmp_path / "tls", ["calls.example"], now=1_700_000_000.0)
    pair = assembly.api_certificate(the_settings(tmp_path), ours)
    assert pair == (ours.cert, ours.key)
    of_the_api = sip_assembly.sip_tls(the_settings(tmp_path, listening), ours)
    assert of_the_api is not None
    of_the_api.load()
    own = the_settings(tmp_path, f'{listening}[sip]\ntls_cert = "{ours.cert}"\ntls_key = "/no.pem"\ntls_ca = "/a.pem"')
    missing = sip_assembly.sip_tls(own, ours)
    assert missing is not None
    with pytest.raises(FileNotFoundError):
        missing.load()
    with pytest.raises(ValueError, match="needs a certificate"):
        sip_assembly.sip_tls(the_settings(tmp_path, listening), None)


def test_sip_over_tls_takes_further_certificates_and_looks_after_their_files(tmp_path: Path) -> None:
    ours = create_dev_ca(tmp_path / "tls", now=1_700_000_000.0)
    other = create_dev_ca(tmp_path / "other", ["other.test"], now=1_700_000_000.0)
    further = f'[listen]\nsip = ["tls:127.0.0.1:0"]\n[[certificate]]\ncert = "{other.cert}"\nkey = "{other.key}"'
    tls = sip_assembly.sip_tls(the_settings(tmp_path, further), ours)
    assert tls is not None
    tls.load()
    assert tls.server.sni_callback is not None
    other.key.write_bytes(b"half a key")
    assert tls.refresh(10.0).startswith("the old certificate stays in use")


def test_a_realm_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CredentialInvalid):
        the_registration(the_settings(tmp_path, '[sip]\nrealm = "zürich"'))


WRITTEN_OUT = """
    [[trunk]]
    name = "carrier"
    uri = "sip:sbc.example:5070;transport=tcp"
    priority = 5
    weight = 3
    number_format = "national"
    country_code = "44"
    national_prefix = "0"
    international_prefix = "00"
    prefix = "9"
    caller_id = "trunk"
    number = "+31201110001"
    forwarded_as = ["history-info", "diversion"]
    trusted = "on"
    mode = "302"
    username = "us"
    password = "secret"
    register = "on"
    register_expires = "10m"
    options_interval = "1s"
    patience = "2s"
    [[trunk]]
    name = "plain"
    uri = "sips:[2001:db8::1]"
    username = "us"
    password = "secret"
    realm = "carrier"
    options = "off"
    [[route]]
    kind = "phoneNumber"
    match = "+"
    to = ["plain", "carrier"]
    [[route]]
    kind = "phoneNumber"
    match = "+31"
    to = "plain"
"""


def test_trunks_are_told_everything_that_is_set(tmp_path: Path) -> None:
    carrier, plain = sip_assembly.trunks(the_settings(tmp_path, WRITTEN_OUT))
    assert carrier == Trunk(
        "carrier",
        "sip:sbc.example:5070;transport=tcp",
        priority=5,
        weight=3,
        number_format=NumberFormat("national", "44", "0", "00", "9"),
        caller_id=CallerId.TRUNK,
        number="+31201110001",
        forwarded_as=frozenset(ForwardedAs),
        is_trusted=True,
        mode=Mode.REDIRECT,
        account=Account(Credential.of_password("us", "sbc.example", "secret", md5=True), frozenset({"sbc.example"})),
        username="us",
        register_expires_s=600.0,
        patience_s=2.0,
    )
    assert plain == Trunk(
        "plain",
        "sips:[2001:db8::1]",
        account=Account(Credential.of_password("us", "carrier", "secret", md5=True), frozenset({"2001:db8::1"})),
        username="us",
    )
    assert "secret" not in repr(carrier)


def test_a_route_leads_to_several_trunks_and_the_longest_match_wins(tmp_path: Path) -> None:
    settings = the_settings(tmp_path, WRITTEN_OUT)
    roster = sip_assembly.roster(settings, 0.0, lambda: 0.0)
    found = sip_assembly.selection(settings, sip_assembly.trunks(settings), roster)
    abroad = found.candidates("phoneNumber", "+49301110001", lambda: 0.0, 0.0)
    assert abroad == [
        Candidate("carrier", "sip:90049301110001@sbc.example:5070;transport=tcp"),
        Candidate("plain", "sips:+49301110001@[2001:db8::1]"),
    ]
    assert [each.trunk for each in found.candidates("phoneNumber", "+31612345678", lambda: 0.0, 0.0)] == ["plain"]


def test_trunks_are_asked_as_often_as_set_or_not_at_all(tmp_path: Path) -> None:
    roster = sip_assembly.roster(the_settings(tmp_path, WRITTEN_OUT), 7.0, lambda: 0.0)
    assert (roster["carrier"].next_deadline(), roster["plain"].next_deadline()) == (7.0, None)
    assert roster.advance(7.0) == [Report("carrier", SendOptions(1))]
    roster["carrier"].options_answered(1, 200, None, 7.5)
    assert roster.next_deadline() == 8.5


@pytest.mark.parametrize(
    "lines",
    [
        'uri = "sip:a,b"',
        'uri = "sip:c.example"\nusername = "a:b"\npassword = "p"\nrealm = "a:b"',
    ],
)
def test_a_trunk_that_cannot_work_is_named(tmp_path: Path, lines: str) -> None:
    settings = the_settings(tmp_path, f'[[trunk]]\nname = "carrier"\n{lines}')
    with pytest.raises(ValueError, match="the trunk carrier cannot be used with these settings: "):
        sip_assembly.trunks(settings)


def test_the_networks_of_trunks(tmp_path: Path) -> None:
    text = '[[trunk]]\nname = "carrier"\nuri = "sip:carrier.example"\nfrom = ["192.0.2.0/24"]'
    origins = sip_assembly.origins(the_settings(tmp_path, text))
    assert (origins.trunk_of("192.0.2.7"), origins.trunk_of("198.51.100.1")) == ("carrier", None)


def test_who_may_call(tmp_path: Path) -> None:
    trunk = '[[trunk]]\nname = "carrier"\nuri = "sip:carrier.example"\nfrom = ["198.51.100.0/24"]\n'
    invite, flow = an_invite(), Flow("UDP", "198.51.100.7", 5062, 0)
    assert the_admission(the_settings(tmp_path, trunk)).sender_of(invite, flow, 0.0) == Sender(
        trunk=Trunk("carrier", "sip:carrier.example")
    )
    for host in ("127.0.0.9", "::1"):
        assert the_admission(the_settings(tmp_path)).sender_of(invite, flow._replace(host=host), 0.0) == TRUSTED
    with pytest.raises(Refusal):
        the_admission(the_settings(tmp_path)).sender_of(invite, flow, 0.0)
    trusted = the_settings(tmp_path, '[sip]\ntrusted = ["198.51.100.7"]')
    assert the_admission(trusted).sender_of(invite, flow, 0.0) == TRUSTED
    accepting = the_settings(tmp_path, '[sip]\nstrangers = "accept"')
    assert the_admission(accepting).sender_of(invite, flow, 0.0) == STRANGER
