"""Certificates for one machine: a small authority of our own, and the TLS contexts made from its files.

The official SDKs refuse plain HTTP, so development needs a certificate that they can be told to trust. The authority is
made once for a data directory and kept; only its owner can read the keys. What browsers and operating systems trust is
never touched here: the program under test is pointed at `bundle` by environment variables.
"""

from __future__ import annotations

import datetime
import importlib
import ipaddress
import os
import ssl
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_NAME: Final = "Strowger dev CA"
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")

AUTHORITY_DAYS: Final = 3_650
LEAF_DAYS: Final = 397
"""The longest that every TLS library accepts."""

RENEW_DAYS: Final = 30
"""A certificate with less left than this is made anew."""

BACKDATE: Final = datetime.timedelta(hours=1)
"""Certificates begin in the past, for peers whose clocks are slow."""

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class DevCa:
    """The files of an authority and of the certificate that it made for this server."""

    authority: Path
    """The certificate to trust, in PEM."""
    cert: Path
    """The server's certificate, in PEM."""
    key: Path
    """The server's private key, in PEM."""


def create_dev_ca(directory: Path, hosts: Sequence[str] = (), *, now: float) -> DevCa:
    """The authority kept in `directory`, made or renewed when needed.

    Its server certificate names LOCAL_HOSTS and `hosts`, names or addresses. `now` is the wall time in seconds. Raises
    OSError when the directory cannot be written, ValueError when a file in it is not what it should be.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    today = datetime.datetime.fromtimestamp(now, datetime.UTC)
    files = DevCa(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    authority_key = directory / "ca.key"
    if not (_lasts(files.authority, today) and _fit(files.authority, authority_key)):
        _make_authority(files.authority, authority_key, today)
    names = _names(hosts)
    if not (_lasts(files.cert, today) and _fit(files.cert, files.key) and _made_by(files, names)):
        _make_leaf(files, authority_key, names, today)
    return files


def bundle(authority: Path, target: Path) -> Path:
    """Write to `target` what this machine trusts anyway and `authority`, and return `target`.

    Variables such as REQUESTS_CA_BUNDLE replace the trusted set instead of adding to it, so both must be in one file.
    """
    trusted = _machine_bundle()
    parts = [trusted.read_bytes().rstrip() + b"\n"] if trusted else []
    _write(target, b"".join([*parts, authority.read_bytes()]), 0o644)
    return target


def server_context(cert: Path, key: Path, others: Sequence[tuple[Path, Path]] = ()) -> ssl.SSLContext:
    """A context that serves TLS 1.2 and newer with these files.

    A client that names the host it wants (RFC 6066 §3) and does not find it in `cert` is shown the first of `others`,
    certificates with their keys, that holds it. Raises OSError when a file cannot be read, ssl.SSLError, which is one,
    when two do not belong together, and ValueError when a certificate holds no name or cannot be understood.
    """
    context = _serving(cert, key)
    if others:
        named = [(_asked_for(each), _serving(each, its)) for each, its in others]
        context.sni_callback = _chooser(_hosts_in(cert), named)
    return context


def client_context(ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A context that connects with TLS 1.2 and newer and believes only certificates that hold the name of the peer.

    Authorities are those that this machine trusts, and the ones in `ca`. `cert` and `key` are shown to a peer that asks
    who we are. Raises OSError when a file cannot be read, and ssl.SSLError, which is one, when it is none of these.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if ca is not None:
        context.load_verify_locations(ca)
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


def _serving(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    return context


def _chooser(
    own: Collection[str], others: Sequence[tuple[Collection[str], ssl.SSLContext]]
) -> Callable[[ssl.SSLSocket | ssl.SSLObject, str | None, ssl.SSLContext], None]:
    """What OpenSSL calls with the name that a client asks for; to choose nothing keeps the context it has."""

    def choose(connection: ssl.SSLSocket | ssl.SSLObject, asked: str | None, _: ssl.SSLContext) -> None:
        host = (asked or "").lower()
        if host and not _is_among(host, own):
            connection.context = next((its for hosts, its in others if _is_among(host, hosts)), connection.context)

    return choose


def _is_among(host: str, hosts: Collection[str]) -> bool:
    """Whether a certificate for `hosts` is one for `host`: a star stands for one whole label (RFC 6125 §6.4.3)."""
    return host in hosts or f"*.{host.partition('.')[2]}" in hosts


def _asked_for(cert: Path) -> frozenset[str]:
    hosts = _hosts_in(cert)
    if not hosts:
        raise ValueError(f"{cert} holds no host name (subjectAltName), so that nobody could ask for it")
    return hosts


def _hosts_in(cert: Path) -> frozenset[str]:
    """The hosts that a certificate is for, in lower case: names, and SIP domains written as URIs (RFC 5922 §7.1)."""
    try:
        names = _load(cert).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    uris = [uri[4:] for uri in names.get_values_for_type(x509.UniformResourceIdentifier) if uri.startswith("sip:")]
    return frozenset(host.lower() for host in (*names.get_values_for_type(x509.DNSName), *uris))


def _machine_bundle() -> Path | None:
    """What requests would use, if it is installed; else what Python would use."""
    try:
        certifi = importlib.import_module("certifi")
    except ImportError:
        found = ssl.get_default_verify_paths().cafile
        return Path(found) if found else None
    return Path(certifi.where())


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    return [_name(host) for host in dict.fromkeys((*LOCAL_HOSTS, *map(_without_port, hosts)))]


def _without_port(host: str) -> str:
    """Host headers may carry a port, certificates do not."""
    if host.count(":") > 1 and not host.startswith("["):
        return host
    return urlsplit(f"//{host}").hostname or host


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _lasts(path: Path, today: datetime.datetime) -> bool:
    """Whether the certificate at `path` exists, has begun and does not end soon."""
    if not path.exists():
        return False
    certificate = _load(path)
    ends = certificate.not_valid_after_utc - datetime.timedelta(days=RENEW_DAYS)
    return certificate.not_valid_before_utc <= today < ends


def _fit(path: Path, key_path: Path) -> bool:
    """Whether the key exists and is the one of the certificate; a crash between writing the two leaves a wrong pair."""
    return key_path.exists() and _load_key(key_path).public_key() == _load(path).public_key()


def _made_by(files: DevCa, names: Sequence[x509.GeneralName]) -> bool:
    """Whether the server's certificate is for exactly `names` and comes from the authority as it is now."""
    certificate = _load(files.cert)
    if list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) != names:
        return False
    try:
        certificate.verify_directly_issued_by(_load(files.authority))
    except (InvalidSignature, ValueError):
        return False
    return True


def _make_authority(path: Path, key_path: Path, today: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject(AUTHORITY_NAME)
    builder = (
        _begin(name, name, key, AUTHORITY_DAYS, today)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    _write(key_path, _key_pem(key), 0o600)
    _write(path, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644)


def _make_leaf(
    files: DevCa, authority_key_path: Path, names: Sequence[x509.GeneralName], today: datetime.datetime
) -> None:
    authority = _load(files.authority)
    authority_key = _load_key(authority_key_path)
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = (
        _begin(_subject("Strowger"), authority.subject, key, LEAF_DAYS, today)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_id, critical=False)
    )
    _write(files.key, _key_pem(key), 0o600)
    _write(files.cert, builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644)


def _begin(
    subject: x509.Name, issuer: x509.Name, key: Key, days: int, today: datetime.datetime
) -> x509.CertificateBuilder:
    """What the certificates of authority and server have in common."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - BACKDATE)
        .not_valid_after(today + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _load_key(path: Path) -> Key:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Key):
        raise ValueError(f"{path} does not hold an elliptic curve key")
    return key


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace `path` in one step, with `mode` from the start: no other user ever sees a key, and nobody half a file."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
