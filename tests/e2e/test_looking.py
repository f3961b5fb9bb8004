"""What an operator sees of a running server's SIP side: the commands, as they are typed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import pytest

from tests.e2e.stage import Stage
from tests.e2e.test_registration import register
from tests.support.server import STROWGER

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]


async def strowger(stage: Stage, *arguments: str) -> str:
    """What a command says about the server of the stage."""
    command = [str(STROWGER), *arguments, "--config", str(stage.directory / "strowger.toml")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def read(stage: Stage, *arguments: str) -> Any:
    return json.loads(await strowger(stage, *arguments, "--json"))


@pytest.mark.parametrize("crash", [False, True])
async def test_who_is_registered(stage: Stage, *, crash: bool) -> None:
    await stage.serve(users={"bob": [], "ann": []}, passwords={"bob": "s3cret"}, sip={"digest_md5": "on"})
    assert await strowger(stage, "registration", "list") == "No phone is registered.\n"
    assert await strowger(stage, "registration", "list", "--user", "ann") == (
        "No phone can register as ann: its [[user]] has no password for it.\n"
    )
    status = await asyncio.to_thread(register, stage.server.sip_port, "sip:bob@127.0.0.1:5071", "s3cret")
    assert status == "SIP/2.0 200 OK"
    if crash:
        stage.server.kill()
        await stage.server.start()
    (phone,) = await read(stage, "registration", "list")
    assert (phone["user"], phone["contact"], phone["transport"]) == ("bob", "sip:bob@127.0.0.1:5071", "udp")
    assert 0 < phone["expires_in_s"] <= 3_600
    shown = await strowger(stage, "registration", "list", "--user", "bob")
    assert shown.startswith("bob  sip:bob@127.0.0.1:5071  ")
    assert f"  udp from {phone['source']}" in shown
