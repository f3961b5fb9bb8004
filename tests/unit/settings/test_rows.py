"""The settings themselves, as strowger.settings.rows describes them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from strowger.settings import Resource, Settings, SipListener, Subscription
from strowger.settings.row import Row, rows_of
from strowger.settings.rows import sections

ROWS = {f"{section.key}.{row.key}": row for _, section in sections() for _, row in rows_of(section.rows)}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_row_has_a_sentence(row: Row) -> None:
    assert row.help[0].isalpha()
    assert row.help.endswith((".", ")."))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_default_can_be_read(row: Row) -> None:
    if row.default is not None:
        row.kind.read(row.default)


def test_single_sections_need_nothing() -> None:
    for _, section in sections():
        if not section.many:
            assert None not in [row.default for _, row in rows_of(section.rows)]


def test_the_defaults() -> None:
    settings = Settings()
    assert [str(each) for each in settings.listen.api] == ["127.0.0.1:7443"]
    assert settings.listen.sip == (
        SipListener("udp", "127.0.0.1", 5060),
        SipListener("tcp", "127.0.0.1", 5060),
        SipListener("udp", "::1", 5060),
    )
    assert settings.server.public_url == "https://localhost:7443"
    assert settings.tls.mode == "dev-ca"
    assert settings.sip.t1 == 0.5
    assert (settings.sip.tls_cert, settings.sip.tls_key, settings.sip.tls_ca) == (None, None, None)
    assert settings.sip.ws_origins == ()
    assert settings.sip.trusted == ("127.0.0.0/8", "::1/128")
    assert (settings.compat.repeatability, settings.compat.voip_to_phone) == ("lenient", "allow")
    assert settings.compat.reject_none_status == 603
    assert (settings.resources, settings.routes) == ((), ())


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("hold", 30.0),
        ("ring", 60.0),
        ("ring_budget", 180.0),
        ("drain", 35.0),
        ("redirects_per_call", 5),
        ("held_calls", 10_000),
        ("transactions", 50_000),
        ("tcp_connections", 4_000),
        ("tcp_connections_per_address", 100),
        ("tcp_connecting", 256),
        ("connecting_queue", 64),
        ("connect", 3.0),
        ("handshakes", 256),
        ("handshake", 5.0),
        ("tcp_message", 32.0),
        ("tcp_idle", 3_600.0),
        ("tcp_write_buffer", 262_144),
        ("ws_ping", 30.0),
        ("ws_frame", 65_536),
        ("datagram", 65_507),
        ("udp_receive_buffer", 4_194_304),
        ("sip_message", 65_536),
        ("sip_header_lines", 256),
        ("sip_header_line", 8_192),
        ("sip_via", 64),
        ("sip_addresses", 64),
        ("sip_uri", 2_048),
        ("registration_contacts", 10),
        ("identities", 100_000),
        ("token_key_age", 2_592_000.0),
        ("registration_min", 60.0),
        ("registration_default", 3_600.0),
        ("registration_max", 3_600.0),
        ("wrong_passwords_per_user", 5),
        ("wrong_passwords_per_source", 30),
        ("wrong_passwords_within", 60.0),
        ("nonce_lifetime", 300.0),
        ("nonces_remembered", 100_000),
        ("messages_per_source", 200),
        ("calls_per_source", 10),
        ("calls_per_second", 500),
        ("strangers_per_second", 500),
        ("sources", 20_000),
        ("memory", 1 << 30),
        ("loop_lag", 0.5),
        ("request_body", 65_536),
        ("http_head", 16_384),
        ("http_head_within", 10.0),
        ("http_body_within", 20.0),
        ("http_reply_within", 20.0),
        ("http_idle", 75.0),
        ("http_connections", 4_000),
        ("outside_callers", 10_000),
        ("event_bytes", 32_768),
        ("events_pending", 100_000),
        ("subscriptions", 100),
        ("event_attempts", 256),
        ("dead_letters", 10_000),
        ("dead_letter_bytes", 64 * 1024 * 1024),
        ("dead_letters_kept_for", 7 * 86_400.0),
        ("reports_kept_for", 3_600.0),
        ("pull_events", 10_000),
        ("pull_readers", 16),
        ("pull_wait", 60.0),
        ("pull_keep_alive", 15.0),
        ("pull_stream", 3_600.0),
        ("calls_kept", 10_000),
        ("calls_kept_for", 86_400.0),
        ("repeatability_kept_for", 86_400.0),
        ("repeatability_entries", 1_000_000),
        ("signatures_remembered", 100_000),
        ("context_guesses", 100),
        ("clock_skew", 900.0),
    ],
)
def test_the_default_limits(limit: str, value: float) -> None:
    assert getattr(Settings().limits, limit) == value


def test_every_limit_is_above() -> None:
    marks = test_the_default_limits.pytestmark  # type: ignore[attr-defined]
    assert {each.name for each in fields(Settings().limits)} == {name for name, _ in marks[0].args[1]}


def test_keys_are_never_printed() -> None:
    resource = Resource(name="dev", id="1", hosts=("localhost",), keys=("c3Ryb3dnZXItc2VjcmV0LWtleQ==",))
    assert "c3Ry" not in repr(resource)
    keyed = Subscription(resource="dev", name="app", endpoint="https://a.example/?code=s3cret")
    assert "s3cret" not in repr(replace(keyed, failover_endpoint="https://b.example/?code=s3cret"))
    assert resource.key_octets == (b"strowger-secret-key",)


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().limits.hold = 5.0  # type: ignore[misc]
