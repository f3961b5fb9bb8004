"""What the commands that ask a running server have in common: which server, the question, and the answer as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from strowger.base.text import printable_json
from strowger.cli.errors import Misconfigured
from strowger.cli.target import json_option, names_of, server_options, settings_of

if TYPE_CHECKING:
    from strowger.cli.admin import Admin

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def admin_options(command: F) -> F:
    """The options by which a running server is named, and --json."""
    command = json_option(server_options(command))
    token_file = click.option("--token-file", type=click.Path(path_type=Path), metavar="F", help="The admin token.")
    console = click.option("--console", metavar="URL", help="Console of a server elsewhere; needs --token-file.")
    return console(token_file(command))


def admin_of(
    console: str | None, token_file: Path | None, config: Path | None, data_dir: Path | None
) -> tuple[Admin, dict[str, str]]:
    """The client for the server that is meant, and the names of its users by raw id in lower case. Raises Failed,
    Misconfigured.
    """
    from strowger.cli.admin import Admin, token_in

    if console is not None:
        if token_file is None:
            raise Misconfigured("--console needs --token-file: the token of that server, in a file of yours.")
        return Admin(console, token_in(token_file)), {}
    settings = settings_of(config, data_dir)
    return Admin.of(settings, token_file), names_of(settings)


def ask(admin: Admin, question: Callable[[], Awaitable[T]]) -> T:
    """The answer to a question put through the admin API. Raises Failed."""

    async def answer() -> T:
        async with admin:
            return await question()

    return asyncio.run(answer())


def print_json(value: object, *, indent: int = 2) -> None:
    """What the server said, as JSON that repaints no terminal; on one line without an indent."""
    import msgspec

    octets = msgspec.json.encode(value)
    click.echo(printable_json(msgspec.json.format(octets, indent=indent) if indent else octets))
