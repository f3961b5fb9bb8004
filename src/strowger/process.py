"""The life of a server as a process: it serves until a signal, then drains.

What is served, and how it is put together, is for `server`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from typing import Final

import uvloop

from strowger.base.tasks import spawn
from strowger.server import Server
from strowger.settings import Settings

SWITCH_INTERVAL_S: Final = 0.0005
"""How long the store's thread may have to wait for the interpreter while the loop is busy."""


def run(
    settings: Settings,
    *,
    memory: bool = False,
    ready: Callable[[Server], None],
    draining: Callable[[Server], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal stops at once. Raises StartError."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    uvloop.run(_serve(Server(settings, memory=memory), ready, draining or (lambda server: None)))


async def _serve(server: Server, ready: Callable[[Server], None], draining: Callable[[Server], None]) -> None:
    loop = asyncio.get_running_loop()
    asked, insisted = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (insisted if asked.is_set() else asked).set())  # noqa: PLW0108
    await server.start()
    try:
        ready(server)
        await asked.wait()
        draining(server)
        drained = spawn(server.drain(server.settings.limits.drain), "drain")
        hurried = spawn(insisted.wait(), "insist")
        await asyncio.wait((drained, hurried), return_when=asyncio.FIRST_COMPLETED)
        drained.cancel()
        hurried.cancel()
    finally:
        await server.stop()
