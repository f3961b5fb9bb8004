"""Phones that register, with the digest of the standard library, and are rung where they said; over a crash too."""

from __future__ import annotations

import socket

import pytest

from tests.e2e.stage import Stage
from tests.support.digest import digest
from tests.support.server import free_ports
from tests.support.sipp import together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

URI = "sip:127.0.0.1"
REGISTER = (
    f"REGISTER {URI} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{{port}};branch=z9hG4bKr{{n}};rport\r\nMax-Forwards: 70\r\n"
    "From: <sip:bob@127.0.0.1>;tag=1\r\nTo: <sip:bob@127.0.0.1>\r\nCall-ID: r@127.0.0.1\r\nCSeq: {n} REGISTER\r\n"
    "Contact: <{contact}>\r\n{authorization}Content-Length: 0\r\n\r\n"
)


def register(remote: int, contact: str, password: str) -> str:
    """The status line of the answer to the second REGISTER, the one with the password."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.connect(("127.0.0.1", remote))
        phone.settimeout(5)
        fields = {"port": phone.getsockname()[1], "contact": contact}
        phone.send(REGISTER.format(n=1, authorization="", **fields).encode())
        challenge = phone.recv(65_535).decode()
        assert challenge.startswith("SIP/2.0 401 ")
        authorization = f"Authorization: {digest(challenge, password, uri=URI)}\r\n"
        phone.send(REGISTER.format(n=2, authorization=authorization, **fields).encode())
        return phone.recv(65_535).decode().partition("\r\n")[0]


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_registered_phone_is_rung(stage: Stage, transport: str, *, crash: bool) -> None:
    port, caller_port = free_ports(2)
    target = await stage.sipp("target", port=port, transport=transport)
    await stage.serve(users={"bob": []}, passwords={"bob": "s3cret"}, sip={"digest_md5": "on", "record_route": "on"})
    contact = f"sip:bob@127.0.0.1:{port};transport={transport}"
    assert register(stage.server.sip_port, contact, "s3cret") == "SIP/2.0 200 OK"
    if crash:
        stage.server.kill()
        await stage.server.start()
    caller = await stage.sipp("caller", port=caller_port, remote=stage.server.sip_port, keys={"dialled": "bob"})
    await together(caller, target, timeout_s=20)


async def test_a_wrong_password_registers_nothing(stage: Stage) -> None:
    await stage.serve(users={"bob": []}, passwords={"bob": "another"}, sip={"digest_md5": "on"})
    assert register(stage.server.sip_port, "sip:bob@127.0.0.1:9", "s3cret") == "SIP/2.0 401 Unauthorized"
