"""`strowger events`: read the events of a subscription as an application does that fetches them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from strowger.base.text import printable, printable_json
from strowger.cli.errors import Failed, Misconfigured
from strowger.cli.resource import chosen_resource, keyed
from strowger.cli.target import json_option, server_options, settings_of

if TYPE_CHECKING:
    from strowger.cli.event_reader import EventReader, Read
    from strowger.settings import Settings

AGAIN_S: Final = 1.0
"""Pause before a stream that ended is begun again."""
SUBJECT_LIMIT: Final = 400
MILLISECONDS: Final = len("2026-01-01T00:00:00.000")
"""An event's time is more exact than that."""
_PREFIX: Final = "Microsoft.Communication."


@click.group()
def events() -> None:
    """Read events that wait to be fetched."""


@events.command()
@server_options
@json_option
@click.option("--subscription", "name", metavar="NAME", help='Whose events.  [default: the first with delivery "pull"]')
@click.option("--resource", metavar="NAME", help="Whose, where it was added at run time.  [default: the first]")
@click.option("--acknowledge/--no-acknowledge", help="Say of each event that it need not be given again.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="End after so many events.")
def follow(
    config: Path | None,
    data_dir: Path | None,
    as_json: bool,
    name: str | None,
    resource: str | None,
    acknowledge: bool,
    limit: int | None,
) -> None:
    """Show the events of a subscription until Ctrl-C.

    It has delivery = "pull". First come the events that wait for its application, then those that are raised. To look
    takes nothing away: an application that reads the same subscription is given everything all the same.
    """
    settings = settings_of(config, data_dir)
    reader = _reader(settings, *_chosen(settings, name, resource), makes=config is None)
    try:
        asyncio.run(_follow(reader, as_json=as_json, acknowledges=acknowledge, limit=limit))
    except KeyboardInterrupt:
        return


def _chosen(settings: Settings, name: str | None, resource: str | None) -> tuple[str, str | None]:
    """The subscription and its resource. Raises Misconfigured."""
    fetched = [each for each in settings.subscriptions if each.delivery == "pull"]
    if name is None and not fetched:
        raise Misconfigured('No [[subscription]] has delivery = "pull"; name one that was added by --subscription.')
    row = next((each for each in fetched if name in (None, each.name)), None)
    if row is not None:
        return row.name, row.resource
    if any(each.name == name for each in settings.subscriptions):
        raise Misconfigured(f'The events of {name!r} are posted to its endpoint: it needs delivery = "pull".')
    return name or "", resource


def _reader(settings: Settings, name: str, resource: str | None, *, makes: bool) -> EventReader:
    """Raises Misconfigured, Failed."""
    import ssl

    from strowger.base.clock import SystemClock
    from strowger.cli.environment import trusted
    from strowger.cli.event_reader import EventReader
    from strowger.settings import connection_string

    chosen = keyed(settings, chosen_resource(settings, resource), makes=makes)
    endpoint, _, key = connection_string(settings, chosen).removeprefix("endpoint=").partition(";accesskey=")
    tls = None
    if settings.tls.mode == "dev-ca" and urlsplit(endpoint).scheme == "https":
        tls = ssl.create_default_context(cafile=str(trusted(settings)))
    return EventReader(endpoint, key, name, SystemClock().wall, tls)


async def _follow(reader: EventReader, *, as_json: bool, acknowledges: bool, limit: int | None) -> None:
    from strowger.cli.event_reader import StreamLost

    shown = 0
    async with reader:
        while True:
            try:
                async with aclosing(reader.events()) as stream:
                    async for read in stream:
                        click.echo(_json(read) if as_json else line(read))
                        if acknowledges:
                            await reader.acknowledge(read.id)
                        shown += 1
                        if shown == limit:
                            return
            except StreamLost as lost:
                if not reader.has_begun:
                    raise Failed(f"{lost}. Is the server running?") from lost
                click.echo(f"{lost}: trying again.", err=True)
            await asyncio.sleep(AGAIN_S)


def _json(read: Read) -> str:
    import msgspec

    return printable_json(msgspec.json.encode({"id": read.id, "event": msgspec.Raw(read.body)}))


def line(read: Read) -> str:
    """One event on one line."""
    from strowger.cli.narration import clock

    event = read.event
    at = str(event.get("eventTime") or event.get("time"))
    subject = printable(str(event.get("subject", "")), SUBJECT_LIMIT)
    kind = printable(read.type.removeprefix(_PREFIX))
    return f"{read.id}  {clock(f'{at[:MILLISECONDS]}Z')}  {kind}  {subject}".rstrip()
