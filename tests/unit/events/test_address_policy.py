"""Which addresses and ports events may be posted to, special ones one by one and at the edges of their networks."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from strowger.events.address_policy import ADVICE, REFUSED_PORTS, AddressPolicy, literal, special, standing_for

PUBLIC = AddressPolicy()
ANYWHERE = AddressPolicy(allows_all=True)
METADATA = IPv4Address("169.254.169.254")

SPECIAL = [
    ("0.0.0.0", "this host itself"),
    ("0.255.255.255", "this host itself"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "shared by the customers of a carrier"),
    ("100.100.100.200", "shared by the customers of a carrier"),
    ("100.127.255.255", "shared by the customers of a carrier"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.255", "loopback"),
    ("168.63.129.16", "the platform of a cloud"),
    ("169.254.0.0", "link-local"),
    ("169.254.169.254", "link-local"),
    ("169.254.255.255", "link-local"),
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.0", "reserved"),
    ("192.0.0.192", "reserved"),
    ("192.0.0.255", "reserved"),
    ("192.0.2.1", "for documentation"),
    ("192.88.99.1", "reserved"),
    ("192.168.0.0", "private"),
    ("192.168.255.255", "private"),
    ("198.18.0.0", "for benchmarks"),
    ("198.19.255.255", "for benchmarks"),
    ("198.51.100.9", "for documentation"),
    ("203.0.113.9", "for documentation"),
    ("224.0.0.0", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.0", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "this host itself"),
    ("::1", "loopback"),
    ("::2", "reserved"),
    ("::7f00:1", "reserved"),
    ("64:ff9b:1::1", "private"),
    ("100::1", "reserved"),
    ("2001::1", "reserved"),
    ("2001:1ff:ffff::", "reserved"),
    ("2001:db8::1", "for documentation"),
    ("3fff::1", "for documentation"),
    ("3fff:fff:ffff::", "for documentation"),
    ("4000::1", "reserved"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fe80::1", "link-local"),
    ("febf::1", "link-local"),
    ("fec0::1", "private"),
    ("ff02::1", "multicast"),
]
OF_THE_INTERNET = [
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2000::", "2001:200::", "2001:db7:ffff::1", "2001:db9::", "2600::1", "3ffe:ffff::", "3fff:1000::",
]  # fmt: skip


@pytest.mark.parametrize(("address", "what"), SPECIAL)
def test_special_addresses(address, what):
    assert special(ip_address(address)) == what
    assert PUBLIC.refusal(address, 443) == f"its address {address} is {what}: {ADVICE}"
    assert ANYWHERE.refusal(address, 443) == ""


@pytest.mark.parametrize("address", OF_THE_INTERNET)
def test_addresses_of_the_internet(address):
    assert PUBLIC.refusal(address, 443) == ""


@pytest.mark.parametrize(
    "address",
    ["::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "2002:a9fe:a9fe::"],
)
def test_an_address_that_stands_for_another(address):
    assert standing_for(ip_address(address)) == METADATA
    assert PUBLIC.refusal(address, 443) == (
        f"its address {ip_address(address)} stands for 169.254.169.254, which is link-local: {ADVICE}"
    )


@pytest.mark.parametrize("address", ["::ffff:9.9.9.9", "64:ff9b::9.9.9.9", "2002:909:909::1"])
def test_an_address_that_stands_for_one_of_the_internet(address):
    assert standing_for(ip_address(address)) == IPv4Address("9.9.9.9")
    assert PUBLIC.refusal(address, 443) == ""


def test_an_address_with_a_zone():
    assert PUBLIC.refusal("fe80::1%eth0", 443) == f"its address fe80::1 is link-local: {ADVICE}"


def test_what_is_no_address_is_never_allowed_silently():
    with pytest.raises(ValueError, match="does not appear to be"):
        PUBLIC.refusal("localhost", 443)


def test_networks_of_the_operator():
    policy = AddressPolicy(private_networks=(ip_network("10.2.0.0/16"), ip_network("fd12::/32")))
    for address in ("10.2.0.0", "10.2.255.255", "::ffff:10.2.0.1", "64:ff9b::10.2.0.1", "fd12::1", "9.9.9.9"):
        assert policy.refusal(address, 443) == "", address
    for address in ("10.1.255.255", "10.3.0.0", "::ffff:10.3.0.1", "fd13::1", "127.0.0.1", "169.254.169.254"):
        assert policy.refusal(address, 443).endswith(ADVICE), address
    assert policy.refusal("10.2.0.1", 22) == "its port 22 is for SSH: events.private_targets can allow it"


def test_ports_of_other_services():
    assert len(REFUSED_PORTS) == 27
    for port, service in REFUSED_PORTS.items():
        assert (
            PUBLIC.refusal("9.9.9.9", port) == f"its port {port} is for {service}: events.private_targets can allow it"
        )
        assert ANYWHERE.refusal("9.9.9.9", port) == ""
    for port in (1, 21, 80, 443, 3000, 5000, 7071, 8000, 8080, 8443, 65_535):
        assert PUBLIC.refusal("9.9.9.9", port) == ""


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0XA9FEA9FE", "025177524776",
        "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.16689662", "169.254.43518", "0xa9.254.0251.254",
        "000251.0376.0251.0376",
    ],
)  # fmt: skip
def test_spellings_of_an_address_of_ipv4(host):
    assert literal(host) == METADATA
    assert PUBLIC.refusal_of_url(f"http://{host}/") == f"its address 169.254.169.254 is link-local: {ADVICE}"


@pytest.mark.parametrize(
    "host", ["0", "127.1", "127.0.1", "0x7f.1", "1.2.3.4", "017", "0x", "4294967295", "255.16777215", "08", "1.2.3.4.5",
             "256.1.1.1", "1.2.3.256", "4294967296", "0x1.2.3.0400", "1.2.3.09", "1..2", "a.b", "-1", "+1", "1e3", ""],
)  # fmt: skip
def test_numbers_are_read_as_the_system_reads_them(host):
    try:
        expected = IPv4Address(socket.inet_aton(host)) if host != "0x" else IPv4Address(0)
    except OSError:
        expected = None
    assert literal(host) == expected


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://localhost/", "127.0.0.1"),
        ("http://LOCALHOST:8080/", "127.0.0.1"),
        ("https://a.b.localhost./", "127.0.0.1"),
        ("http://[::1]:8080/", "::1"),
        ("http://[fe80::1%25eth0]/", "fe80::1"),
        ("https://app.example@10.0.0.1/", "10.0.0.1"),
        ("https://app.example:443@10.0.0.1:443/", "10.0.0.1"),
        ("https://10.0.0.1#@app.example/", "10.0.0.1"),
        ("https://10.0.0.1?@app.example/", "10.0.0.1"),
    ],
)
def test_what_an_endpoint_says_by_itself(url, address):
    assert PUBLIC.refusal_of_url(url).startswith(f"its address {address} is ")
    assert ANYWHERE.refusal_of_url(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/",
        "https://10.0.0.1@app.example/",
        "https://9.9.9.9/",
        "https://[2600::1]/",
        "http://a-1:81/",
    ],
)
def test_names_are_judged_when_they_are_connected_to(url):
    assert PUBLIC.refusal_of_url(url) == ""


def test_the_port_of_an_endpoint():
    assert PUBLIC.refusal_of_url("http://app.example:22/").startswith("its port 22 is for SSH")
    assert literal("::zz") is None
