"""The development authority of strowger.tls."""

from __future__ import annotations

import datetime
import importlib
import ssl
import stat
import time
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from strowger.tls import (
    AUTHORITY_DAYS,
    LEAF_DAYS,
    RENEW_DAYS,
    DevCa,
    bundle,
    client_context,
    create_dev_ca,
    server_context,
)

NOW = float(int(time.time()))
"""Today, since the TLS library that checks the certificates has a clock of its own."""
DAY = 86_400.0


def names(path: Path) -> list[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(each.value) for each in extension.value]


def contents(files: DevCa) -> tuple[bytes, bytes, bytes]:
    return files.authority.read_bytes(), files.cert.read_bytes(), files.key.read_bytes()


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def shake_hands(server: ssl.SSLContext, trusted: Path, host: str) -> str | None:
    """Join a client that trusts `trusted` and the server in memory; returns the TLS version."""
    return join(ssl.create_default_context(cafile=str(trusted)), server, host)


def join(client: ssl.SSLContext, server: ssl.SSLContext, host: str | None) -> str | None:
    """Join the two in memory; returns the TLS version."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=host)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (near, far, near, far):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return near.version()


def test_the_files_and_who_may_read_them(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "tls"
    files = create_dev_ca(directory, now=NOW)
    assert files == DevCa(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    assert permissions(directory) == 0o700
    assert {each.name: permissions(each) for each in directory.iterdir()} == {
        "ca.pem": 0o644,
        "ca.key": 0o600,
        "server.pem": 0o644,
        "server.key": 0o600,
    }


def test_the_names_on_the_certificate(tmp_path: Path) -> None:
    hosts = ["acs.example.test", "localhost", "localhost:7443", "192.0.2.7:7443", "[2001:db8::7]:443", "2001:db8::8"]
    files = create_dev_ca(tmp_path, hosts, now=NOW)
    assert names(files.cert) == [
        *("localhost", "127.0.0.1", "::1"),
        *("acs.example.test", "192.0.2.7", "2001:db8::7", "2001:db8::8"),
    ]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "acs.example.test"])
def test_a_client_that_trusts_the_authority_connects(tmp_path: Path, host: str) -> None:
    files = create_dev_ca(tmp_path, ["acs.example.test"], now=NOW)
    assert shake_hands(server_context(files.cert, files.key), files.authority, host) == "TLSv1.3"


def test_a_client_looking_for_somebody_else_does_not(tmp_path: Path) -> None:
    files = create_dev_ca(tmp_path, now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(server_context(files.cert, files.key), files.authority, "evil.example.test")


def test_the_next_start_finds_everything_as_it_was(tmp_path: Path) -> None:
    first = contents(create_dev_ca(tmp_path, ["a.test"], now=NOW))
    assert contents(create_dev_ca(tmp_path, ["a.test"], now=NOW + DAY)) == first


def test_other_hosts_need_another_certificate_but_no_other_authority(tmp_path: Path) -> None:
    authority, cert, key = contents(create_dev_ca(tmp_path, ["a.test"], now=NOW))
    after = contents(create_dev_ca(tmp_path, ["b.test"], now=NOW))
    assert after[0] == authority
    assert after[1] != cert
    assert after[2] != key


@pytest.mark.parametrize(("days", "same"), [(LEAF_DAYS - RENEW_DAYS - 0.01, True), (LEAF_DAYS - RENEW_DAYS, False)])
def test_the_certificate_is_renewed_before_it_ends(tmp_path: Path, days: float, same: bool) -> None:
    authority, cert, _ = contents(create_dev_ca(tmp_path, now=NOW))
    after = contents(create_dev_ca(tmp_path, now=NOW + days * DAY))
    assert after[0] == authority
    assert (after[1] == cert) is same


def test_the_authority_is_renewed_before_it_ends_and_the_certificate_with_it(tmp_path: Path) -> None:
    files = create_dev_ca(tmp_path, now=NOW)
    authority, _, _ = contents(files)
    later = NOW + (AUTHORITY_DAYS - RENEW_DAYS) * DAY
    create_dev_ca(tmp_path, now=later)
    assert files.authority.read_bytes() != authority
    chain = [x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.cert, files.authority)]
    chain[0].verify_directly_issued_by(chain[1])


def test_a_clock_set_back_gives_a_certificate_that_is_valid_now(tmp_path: Path) -> None:
    files = create_dev_ca(tmp_path, now=NOW)
    create_dev_ca(tmp_path, now=NOW - 10 * DAY)
    begins = x509.load_pem_x509_certificate(files.cert.read_bytes()).not_valid_before_utc.timestamp()
    assert begins == NOW - 10 * DAY - 3_600


@pytest.mark.parametrize("lost", ["ca.key", "ca.pem", "server.key", "server.pem"])
def test_a_lost_file_is_made_anew(tmp_path: Path, lost: str) -> None:
    files = create_dev_ca(tmp_path, now=NOW)
    (tmp_path / lost).unlink()
    create_dev_ca(tmp_path, now=NOW)
    assert shake_hands(server_context(files.cert, files.key), files.authority, "localhost") == "TLSv1.3"


@pytest.mark.parametrize("wrong", ["ca.key", "ca.pem", "server.key", "server.pem"])
def test_a_file_of_another_start_is_replaced(tmp_path: Path, wrong: str) -> None:
    files = create_dev_ca(tmp_path / "one", now=NOW)
    create_dev_ca(tmp_path / "two", now=NOW)
    (tmp_path / "one" / wrong).write_bytes((tmp_path / "two" / wrong).read_bytes())
    create_dev_ca(tmp_path / "one", now=NOW)
    assert shake_hands(server_context(files.cert, files.key), files.authority, "localhost") == "TLSv1.3"


def test_a_file_that_is_no_certificate_is_not_overwritten(tmp_path: Path) -> None:
    files = create_dev_ca(tmp_path, now=NOW)
    files.authority.write_text("a precious text")
    with pytest.raises(ValueError, match="PEM"):
        create_dev_ca(tmp_path, now=NOW)
    assert files.authority.read_text() == "a precious text"


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    create_dev_ca(tmp_path, now=NOW)
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "ca.key").write_bytes(pem)
    with pytest.raises(ValueError, match="elliptic curve"):
        create_dev_ca(tmp_path, now=NOW)


def test_a_cert_without_its_key_is_refused(tmp_path: Path) -> None:
    one, two = create_dev_ca(tmp_path / "one", now=NOW), create_dev_ca(tmp_path / "two", now=NOW)
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        server_context(one.cert, two.key)


def test_old_protocols_are_not_served(tmp_path: Path) -> None:
    files = create_dev_ca(tmp_path, now=NOW)
    assert server_context(files.cert, files.key).minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_client_context_believes_the_authority_it_was_given_and_no_other(tmp_path: Path) -> None:
    ours, theirs = create_dev_ca(tmp_path / "a", now=NOW), create_dev_ca(tmp_path / "b", now=NOW)
    server = server_context(ours.cert, ours.key)
    assert join(client_context(ours.authority), server, "localhost") == "TLSv1.3"
    for client in (client_context(theirs.authority), client_context()):
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
            join(client, server, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        join(client_context(ours.authority), server, "example.com")


def test_a_client_context_believes_what_the_machine_believes_too(tmp_path: Path) -> None:
    files = create_dev_ca(tmp_path, now=NOW)
    usual = {each["serialNumber"] for each in ssl.create_default_context().get_ca_certs()}
    assert usual < {each["serialNumber"] for each in client_context(files.authority).get_ca_certs()}


def test_a_client_context_shows_our_certificate_to_who_asks_and_speaks_no_old_protocol(tmp_path: Path) -> None:
    files = create_dev_ca(tmp_path, now=NOW)
    context = client_context(files.authority, files.cert, files.key)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    with pytest.raises(ssl.SSLError):
        client_context(None, files.authority, files.key)


def test_the_bundle_holds_the_machine_s_trust_and_ours(tmp_path: Path) -> None:
    files = create_dev_ca(tmp_path, now=NOW)
    path = bundle(files.authority, tmp_path / "bundle.pem")
    assert path == tmp_path / "bundle.pem"
    usual = Path(importlib.import_module("certifi").where()).read_bytes().rstrip()
    assert path.read_bytes() == usual + b"\n" + files.authority.read_bytes()
    assert shake_hands(server_context(files.cert, files.key), path, "localhost") == "TLSv1.3"


@pytest.mark.parametrize("usual", [b"usual\n\n", None])
def test_the_bundle_without_certifi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: bytes | None) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    found = ssl.get_default_verify_paths()
    cafile = None
    if usual:
        (tmp_path / "usual.pem").write_bytes(usual)
        cafile = str(tmp_path / "usual.pem")
    monkeypatch.setattr(importlib, "import_module", missing)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: found._replace(cafile=cafile))  # type: ignore[arg-type]
    authority = tmp_path / "ca.pem"
    authority.write_bytes(b"ours\n")
    expected = b"usual\nours\n" if usual else b"ours\n"
    assert bundle(authority, tmp_path / "bundle.pem").read_bytes() == expected


def issued(directory: Path, names: list[x509.GeneralName]) -> DevCa:
    """An authority of its own and a certificate for just these names, or for none."""
    files = create_dev_ca(directory, now=NOW)
    key, authority_key = (
        cast(ec.EllipticCurvePrivateKey, serialization.load_pem_private_key(each.read_bytes(), None))
        for each in (files.key, directory / "ca.key")
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.load_pem_x509_certificate(files.authority.read_bytes()).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime.fromtimestamp(NOW - DAY, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(NOW + DAY, datetime.UTC))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    files.cert.write_bytes(builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return files


@pytest.fixture
def several(tmp_path: Path) -> tuple[ssl.SSLContext, dict[str, DevCa]]:
    """A server with three certificates, each of an authority of its own."""
    made = {
        "own": issued(tmp_path / "own", [x509.DNSName("one.test"), x509.DNSName("both.test")]),
        "star": issued(tmp_path / "star", [x509.DNSName("*.Two.test"), x509.DNSName("both.test")]),
        "uri": issued(tmp_path / "uri", [x509.UniformResourceIdentifier("sip:three.test"), x509.DNSName("a.two.test")]),
    }
    others = [(each.cert, each.key) for name, each in made.items() if name != "own"]
    return server_context(made["own"].cert, made["own"].key, others), made


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("one.test", "own"),
        ("ONE.test", "own"),
        ("both.test", "own"),
        ("a.two.test", "star"),
        ("B.Two.Test", "star"),
        ("two.test", "own"),
        ("c.b.two.test", "own"),
        ("three.test", "uri"),
        ("unknown.test", "own"),
        ("127.0.0.1", "own"),
        (None, "own"),
    ],
)
def test_who_asks_for_a_host_is_shown_its_certificate(
    several: tuple[ssl.SSLContext, dict[str, DevCa]], host: str | None, shown: str
) -> None:
    server, made = several
    client = ssl.create_default_context(cafile=str(made[shown].authority))
    client.check_hostname = False  # it is the choice that is looked at, and some of these hosts are not known
    assert join(client, server, host) == "TLSv1.3"


def test_a_further_certificate_without_a_host_is_refused_and_the_own_one_needs_none(tmp_path: Path) -> None:
    nameless, address = issued(tmp_path / "1", []), issued(tmp_path / "2", [x509.IPAddress(ip_address("127.0.0.1"))])
    named = issued(tmp_path / "3", [x509.DNSName("three.test")])
    for files in (nameless, address):
        with pytest.raises(ValueError, match="holds no host name"):
            server_context(named.cert, named.key, [(files.cert, files.key)])
        server = server_context(files.cert, files.key, [(named.cert, named.key)])
        assert shake_hands(server, named.authority, "three.test") == "TLSv1.3"
