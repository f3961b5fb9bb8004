"""Access keys that the server made: rotated while it serves, one at a time, and kept over a restart."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
from typing import Any
from uuid import uuid4

import pytest
from azure.communication.callautomation import PhoneNumberIdentifier
from azure.core.exceptions import HttpResponseError

from strowger.base.tasks import spawn
from strowger.phones.behaviours import Answer
from tests.e2e.stage import Stage, code
from tests.support.application import sdk
from tests.support.server import OTHER_RESOURCE_ID, OUTSIDE, RESOURCE_ID, STROWGER, Server, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 10.0
BELIEVED = (400, "8523")
"""What a request with a nonsensical context is answered once its signature is right."""
REFUSED = (401, "7509")


class Keys:
    """The command line beside a server whose two resources have no keys in the settings."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def command(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = [str(STROWGER), *arguments, "--config", str(self._server.config)]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    def connection_string(self, resource: str, which: str) -> str:
        answer = self.command("connection-string", "--resource", resource, "--key", which)
        return str(answer["connection_string"])

    def fingerprints(self) -> dict[tuple[str, str], str]:
        return {(row["resource"], row["key"]): row["fingerprint"] for row in self.command("key", "list")}

    async def answer(self, connection_string: str) -> tuple[int | None, str]:
        """Whether the server believes a client with this connection string; never the same request twice."""
        async with sdk(connection_string, self._server.authority) as client:
            with pytest.raises(HttpResponseError) as refused:
                await client.redirect_call(f"no context {uuid4()}", PhoneNumberIdentifier(OUTSIDE))
            return refused.value.status_code, code(refused.value)

    async def is_soon_refused(self, connection_string: str) -> None:
        """Ask until the server does not believe it any more."""
        end = asyncio.get_running_loop().time() + SOON
        while (answer := await self.answer(connection_string)) != REFUSED:
            assert answer == BELIEVED
            assert asyncio.get_running_loop().time() < end, "the old key is still believed"

    async def answers(self, connection_string: str, seen: list[tuple[int | None, str]]) -> None:
        """Ask all the time, and note every answer."""
        while True:
            seen.append(await self.answer(connection_string))



async def test_a_rotated_key_is_refused_within_seconds_and_the_other_one_never(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    patient = {"context_guesses": 1_000_000}  # what asks here has no context of a call
    server = await stage.serve(trunk=target.uri, keys=False, limits=patient)
    keys = Keys(server)
    primary, old = (keys.connection_string("main", which) for which in ("primary", "secondary"))
    others = [keys.connection_string("other", which) for which in ("primary", "secondary")]
    assert [await keys.answer(each) for each in (primary, old, *others)] == [BELIEVED] * 4
    seen: list[tuple[int | None, str]] = []
    asking = spawn(keys.answers(primary, seen), "asking")
    await asyncio.to_thread(keys.command, "key", "rotate", "--resource", "main", "--key", "secondary")
    await keys.is_soon_refused(old)
    new = keys.connection_string("main", "secondary")
    assert await keys.answer(new) == BELIEVED
    assert not asking.done()
    asking.cancel()
    assert set(seen) == {BELIEVED}
    assert [await keys.answer(each) for each in others] == [BELIEVED] * 2
    for each in (primary, new):
        call = stage.call(await stage.caller())
        async with sdk(each, server.authority) as client:
            context = (await stage.application.event(len(stage.application.events))).context
            await client.redirect_call(context, PhoneNumberIdentifier(OUTSIDE))
        assert (await call.final(SOON)).status == 200
    assert not any(key in server.log for key in shown(keys))


async def test_keys_outlive_the_server_and_so_does_a_rotation(stage: Stage) -> None:
    server = await stage.serve(keys=False)
    keys = Keys(server)
    before = keys.fingerprints()
    assert len(set(before.values())) == 4
    server.kill()
    old = keys.connection_string("main", "primary")
    keys.command("key", "rotate", "--resource", "main", "--key", "primary")  # while nothing runs
    await server.start()
    assert await keys.answer(old) == REFUSED
    assert await keys.answer(keys.connection_string("main", "primary")) == BELIEVED
    after = keys.fingerprints()
    assert {name for name in before if before[name] != after[name]} == {("main", "primary")}
    server.terminate()
    await server.start()
    assert keys.fingerprints() == after


async def test_nobody_else_can_read_them_and_what_others_could_read_is_refused(stage: Stage) -> None:
    server = await stage.serve(keys=False)
    keys = Keys(server)
    directory = server.directory / "data" / "keys"
    files = [directory / f"{each}.json" for each in (RESOURCE_ID, OTHER_RESOURCE_ID)]
    assert sorted(directory.iterdir()) == sorted(files)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (directory, *files)] == [0o700, 0o600, 0o600]
    primary = keys.connection_string("main", "primary")
    files[0].chmod(0o644)
    refused = keys.run("key", "rotate", "--resource", "main")
    assert (refused.returncode, f"chmod 600 {files[0]}" in refused.stderr) == (1, True)
    await until(lambda: "access keys cannot be read" in server.log, SOON, "the server tells of the file")
    assert await keys.answer(primary) == BELIEVED  # a server that runs goes on with what it has
    server.terminate()
    with pytest.raises(AssertionError, match="is open to other users of this machine"):
        await server.start()
    files[0].chmod(0o600)
    await server.start()
    assert await keys.answer(primary) == BELIEVED


def shown(keys: Keys) -> list[str]:
    return [row["value"] for row in keys.command("key", "list", "--show")]
