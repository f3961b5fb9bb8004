"""The composition root: it starts, takes a call, says why it cannot start, and leaves nothing behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from strowger.calls.call import State
from strowger.phones.phone import Phone
from strowger.server import Server, StartError
from strowger.settings import Settings, load

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def the_settings(directory: Path, **lists: object) -> Settings:
    config = directory / "strowger.toml"
    config.write_text(
        f"""
        [server]
        data_dir = "{directory / "data"}"
        public_url = "https://calls.example:7443"
        [listen]
        api = ["127.0.0.1:0"]
        console = ["127.0.0.1:0"]
        metrics = ["127.0.0.1:0"]
        sip = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
        [tls]
        mode = "off"
        [limits]
        hold = "50ms"
        [[resource]]
        name = "one"
        id = "r1"
        hosts = ["calls.example"]
        keys = ["{KEY}"]
        [[resource]]
        name = "two"
        id = "r2"
        hosts = ["two.example"]
        keys = ["{KEY}"]
        [[number]]
        resource = "one"
        e164 = "+31201110001"
        [[subscription]]
        resource = "one"
        name = "app"
        endpoint = "http://127.0.0.1:9/events"
        """
    )
    return load(config, {}, lists)



@pytest.mark.asyncio
@pytest.mark.parametrize("memory", [True, False])
async def test_a_call_nobody_decides_about_ends_with_480(tmp_path: Path, memory: bool) -> None:
    server = Server(the_settings(tmp_path), memory=memory)
    await server.start()
    assert set(server.inspection.readiness().values()) == {"ok"}
    udp = server.sip_addresses[0]
    phone = await Phone.open(user="+31612345678")
    call = phone.call(f"sip:+31201110001@{udp[4:]}", proxy=udp)
    response = await call.final(10)
    assert (response.status, [each.status for each in call.responses]) == (480, [100, 180, 480])
    kept = server.store.recent_calls(1)[0]
    assert (kept.state, kept.caller.raw_id) == (State.EXPIRED, "4:+31612345678")
    await phone.close()
    await server.stop()


@pytest.mark.asyncio
async def test_draining_waits_for_the_last_call_and_takes_no_new_one(tmp_path: Path) -> None:
    server = Server(the_settings(tmp_path), memory=True)
    await server.start()
    udp = server.sip_addresses[0]
    phone = await Phone.open(user="+31612345678")
    first = phone.call(f"sip:+31201110001@{udp[4:]}", proxy=udp)
    await first.wait_for(180, 5)
    await server.drain(10)
    assert len(server.exchange) == 0
    second = phone.call(f"sip:+31201110001@{udp[4:]}", proxy=udp)
    assert (await second.final(5)).status == 503
    await phone.close()
    await server.stop()


@pytest.mark.asyncio
async def test_a_taken_port_is_said_and_nothing_stays_open(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Server(the_settings(tmp_path, **{"listen": {"api": [f"127.0.0.1:{port}"]}}))
        with pytest.raises(StartError, match=str(port)):
            await server.start()
    again = Server(the_settings(tmp_path))
    await again.start()
    await again.stop()


@pytest.mark.asyncio
async def test_two_servers_do_not_share_a_data_directory(tmp_path: Path) -> None:
    server = Server(the_settings(tmp_path))
    await server.start()
    with pytest.raises(StartError, match="in use"):
        await Server(the_settings(tmp_path)).start()
    await server.stop()
