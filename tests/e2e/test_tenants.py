"""Two resources of one server know nothing of each other, whatever one of them tries (F4 of the test programme)."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import ssl
from collections import Counter
from typing import Any

import aiohttp
import pytest

from strowger.acs.fixdate import write
from strowger.base.clock import SystemClock
from tests.e2e.stage import Stage
from tests.support.acs import REJECT, signed_headers
from tests.support.server import OTHER_KEY, Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
GUESSES = 10_000
AT_ONE_TIME = 16
SEED = 4
HEARD = 100
"""limits.context_guesses, by default."""


class Intruder:
    """The other resource, with a key of its own and everything that it may have overheard."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session
        self._trust = ssl.create_default_context(cafile=str(server.authority))
        self._key = base64.b64decode(OTHER_KEY)
        self._number = 0

    async def tries(self, context: str) -> tuple[int, dict[str, Any]]:
        """Reject a call by a context: the status, and the error without its message's times."""
        self._number += 1  # two requests of one second are the same request only if their bodies are
        body = json.dumps({"incomingCallContext": context}).encode() + b" " * self._number
        host = f"localhost:{self._server.api_port}"
        date = write(SystemClock().wall())
        headers = signed_headers("POST", REJECT, body, date, host=host, key=self._key)
        url = f"https://127.0.0.1:{self._server.api_port}{REJECT}"
        async with self._session.post(url, data=body, headers=headers, ssl=self._trust) as answer:
            return answer.status, json.loads(await answer.read())["error"]


def guesses(context: str, number: int) -> list[str]:
    """Contexts near a real one, and far from it."""
    chance = random.Random(SEED)
    alphabet = sorted(set(context))
    made = []
    for index in range(number):
        if index % 2:
            made.append("".join(chance.choice(alphabet) for _ in context))
        else:
            place = chance.randrange(len(context))
            other = chance.choice([each for each in alphabet if each != context[place]])
            made.append(context[:place] + other + context[place + 1 :])
    return made


async def test_ten_thousand_guesses_find_nothing_and_are_not_heard_for_long(stage: Stage) -> None:
    server = await stage.serve()
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    left = guesses(context, GUESSES)
    answers: Counter[int] = Counter()

    async with aiohttp.ClientSession() as session:
        intruder = Intruder(server, session)

        async def guess() -> None:
            while left:
                status, _ = await intruder.tries(left.pop())
                answers[status] += 1

        await asyncio.gather(*(guess() for _ in range(AT_ONE_TIME)))
    assert answers.total() == GUESSES
    assert set(answers) == {400, 429}, "no context was right, nor somebody else's"
    windows = -(-answers[400] // HEARD)
    assert answers[400] <= windows * (HEARD + AT_ONE_TIME), "each minute anew, and those that came at one time"
    assert windows <= 3
    await stage.client.reject_call(context)  # whose call it is is not kept from anything
    assert (await call.final(SOON)).status == 603
    assert "Traceback" not in server.log


async def test_a_foreign_context_tells_nothing_of_its_call(stage: Stage) -> None:
    server = await stage.serve()
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    async with aiohttp.ClientSession() as session:
        intruder = Intruder(server, session)
        held = await intruder.tries(context)
        assert (held[0], held[1]["code"]) == (403, "7507")
        await stage.client.reject_call(context)
        assert (await call.final(SOON)).status == 603
        assert await intruder.tries(context) == held, "when it has ended"
        server.kill()
        await server.start()
        assert await intruder.tries(context) == held, "after a restart"
