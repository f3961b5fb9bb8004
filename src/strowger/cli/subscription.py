"""`strowger subscription`: who is told of calls, and changing that while the server runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from strowger.base.text import printable
from strowger.cli.asking import admin_of, admin_options, ask, print_json
from strowger.cli.errors import Misconfigured
from strowger.cli.signing_secret import signing_secret

if TYPE_CHECKING:
    from strowger.cli.admin import Admin
    from strowger.console.subscriptions import SubscriptionView

HANDSHAKE_S: Final = 5.0
"""How long a command waits to tell what came of the first attempt of a handshake."""
LOOK_S: Final = 0.1
SAID: Final = 1_000
UNDELIVERED_EXIT: Final = 1
"""Exit code of a test whose event was not delivered."""

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def subscription() -> None:
    """Look at the subscriptions, and change them.

    They change while the server runs, and what is added here is kept over a restart. Those of the settings file can be
    paused here, and no more.

    \b
    strowger subscription add app https://app.example/events --set schema=cloudevents
    strowger subscription add results --set channel=outcomes --set delivery=pull
    strowger subscription test app
    """


subscription.add_command(signing_secret)


def rows_options(command: F) -> F:
    """The options by which rows are given."""
    header = click.option(
        "--header", "headers", multiple=True, metavar="'NAME: VALUE'",
        help="A header of every request; the value also as env:NAME or file:PATH, which are looked up here.",
    )  # fmt: skip
    rows = click.option(
        "--set", "rows", multiple=True, metavar="ROW=VALUE",
        help="Any row of [[subscription]], as docs/settings.md has them; lists as JSON, or with commas.",
    )  # fmt: skip
    return header(rows(command))


@subscription.command("list")
@admin_options
def list_(as_json: bool, **where: Any) -> None:
    """List the subscriptions, and how they are."""
    admin, _ = admin_of(**where)
    found = ask(admin, admin.subscriptions).subscriptions
    if as_json:
        print_json(found)
        return
    for each in found:
        click.echo("\n".join(told(each)))
    if not found:
        click.echo("No subscriptions: no application is told of calls.")


@subscription.command()
@admin_options
@click.argument("name")
def show(as_json: bool, name: str, **where: Any) -> None:
    """Show all of one subscription that may be shown."""
    admin, _ = admin_of(**where)
    _print(ask(admin, lambda: admin.subscription(name)), as_json=as_json, whole=True)


@subscription.command()
@admin_options
@rows_options
@click.argument("name")
@click.argument("endpoint", required=False)
@click.option("--resource", metavar="NAME", help="Whose events; needed where there are several resources.")
@click.option("--paused", is_flag=True, help="Tell it nothing until it is resumed.")
def add(
    as_json: bool,
    name: str,
    endpoint: str | None,
    resource: str | None,
    paused: bool,
    headers: Sequence[str],
    rows: Sequence[str],
    **where: Any,
) -> None:
    """Tell ENDPOINT of calls too, from now on.

    The subscription is called NAME. The endpoint is asked for its consent first; this waits a few seconds for what
    comes of it. There is no ENDPOINT where the application fetches its events (--set delivery=pull).
    """
    admin, _ = admin_of(**where)
    given = {"name": name, "endpoint": endpoint, "resource": resource or _only_resource(**where)}
    document = {row: value for row, value in given.items() if value is not None} | rows_of(headers, rows)
    if paused:
        document["paused"] = "on"
    _print(_settled(admin, lambda: admin.add_subscription(document)), as_json=as_json)


@subscription.command()
@admin_options
@rows_options
@click.argument("name")
@click.option("--unset", multiple=True, metavar="ROW", help="Take this row back to its default.")
def update(
    as_json: bool, name: str, unset: Sequence[str], headers: Sequence[str], rows: Sequence[str], **where: Any
) -> None:
    """Change rows of one that was added.

    Its endpoint is asked for its consent anew if it could tell the difference.
    """
    admin, _ = admin_of(**where)
    document = rows_of(headers, rows) | dict.fromkeys(unset)
    if not document:
        raise Misconfigured("Nothing is to be changed: give --set, --header or --unset.")
    _print(_settled(admin, lambda: admin.change_subscription(name, document)), as_json=as_json)


@subscription.command()
@admin_options
@click.argument("name")
def validate(as_json: bool, name: str, **where: Any) -> None:
    """Ask the endpoint of one for its consent again.

    If it has given it already, nothing is done.
    """
    admin, _ = admin_of(**where)
    _print(_settled(admin, lambda: admin.act_on_subscription(name, "validate")), as_json=as_json)


@subscription.command()
@admin_options
@click.argument("name")
def pause(as_json: bool, name: str, **where: Any) -> None:
    """Tell one nothing for now, as if it were not there.

    Events that are on their way to it wait until their time is over.
    """
    admin, _ = admin_of(**where)
    _print(ask(admin, lambda: admin.act_on_subscription(name, "pause")), as_json=as_json)


@subscription.command()
@admin_options
@click.argument("name")
def resume(as_json: bool, name: str, **where: Any) -> None:
    """Tell one of calls again that was paused, first of what waited."""
    admin, _ = admin_of(**where)
    _print(ask(admin, lambda: admin.act_on_subscription(name, "resume")), as_json=as_json)


@subscription.command()
@admin_options
@click.argument("name")
@click.pass_context
def test(context: click.Context, /, as_json: bool, name: str, **where: Any) -> None:
    """Send one event that is made up, and say what came back.

    It is sent however its subscription is. Its id begins with "test-", and nothing can be done with its context. The
    exit code is 1 if it would not count as delivered.
    """
    admin, _ = admin_of(**where)
    found = ask(admin, lambda: admin.test_subscription(name))
    if as_json:
        print_json(found)
    else:
        word = "delivered" if found.is_delivered else "not delivered"
        body = f", with {found.answer_octets} octets" if found.status is not None else ""
        click.echo(f"{found.event_id}  {word} in {found.took_ms:g} ms: {printable(found.why, SAID)}{body}")
    context.exit(0 if found.is_delivered else UNDELIVERED_EXIT)


@subscription.command()
@admin_options
@click.argument("name")
def remove(as_json: bool, name: str, **where: Any) -> None:
    """Tell one of nothing any more.

    Events that are on their way to it are given up: strowger dead-letter list.
    """
    admin, _ = admin_of(**where)
    found = ask(admin, lambda: admin.remove_subscription(name))
    if as_json:
        print_json(found)
        return
    dropped = f"; {found.dropped} events were given up" if found.dropped else ""
    farewell = "; its endpoint is told" if found.is_told else ""
    click.echo(f"{printable(found.name)} is removed{dropped}{farewell}.")


def rows_of(headers: Sequence[str], rows: Sequence[str]) -> dict[str, Any]:
    """Rows as the settings would have them, from the arguments. Raises Misconfigured."""
    from strowger.settings import Subscription
    from strowger.settings.row import rows_of as all_rows

    known = {row.key: row for _, row in all_rows(Subscription)}
    found: dict[str, Any] = {"headers": list(headers)} if headers else {}
    for text in rows:
        name, mark, value = text.partition("=")
        if not mark:
            raise Misconfigured(f"--set takes ROW=VALUE, and not {text!r}.")
        try:
            found[name] = known[name].kind.from_text(value) if name in known else value  # the server knows its rows
        except ValueError as error:
            raise Misconfigured(f"--set {name}: {error}.") from error
    for name in found.keys() & known.keys():
        found[name] = _secret(known[name], found[name])
    return found


def _secret(row: Any, value: Any) -> Any:
    """A secret is looked up here: the server would not look up on its machine what somebody elsewhere asks for."""
    from strowger.settings.reader import UnfitEntries
    from strowger.settings.where import Where

    if not row.kind.secret or row.kind.resolve is None:
        return value
    try:
        secret = row.kind.resolve(row.kind.read(value), Where(os.environ, Path.cwd()))
    except UnfitEntries as error:
        unfit = "; ".join(message for _, message in error.entries)
        raise Misconfigured(f"{row.key}: {unfit} ({row.kind.form}).") from error
    except ValueError as error:
        raise Misconfigured(f"{row.key}: {error} ({row.kind.form}).") from error
    return list(secret) if isinstance(secret, tuple) else secret


def _only_resource(console: str | None, config: Path | None, data_dir: Path | None, **_: Any) -> str | None:
    from strowger.cli.target import settings_of

    resources = () if console is not None else settings_of(config, data_dir).resources
    return resources[0].name if len(resources) == 1 else None


def _settled(admin: Admin, change: Callable[[], Any]) -> SubscriptionView:
    """What the change made, once the first attempt of its handshake has ended, or a few seconds later."""

    async def question() -> SubscriptionView:
        view: SubscriptionView = await change()
        for _ in range(round(HANDSHAKE_S / LOOK_S)):
            if view.why:
                break
            await asyncio.sleep(LOOK_S)
            view = await admin.subscription(view.name)
        return view

    return ask(admin, question)


def _print(view: SubscriptionView, *, as_json: bool, whole: bool = False) -> None:
    if as_json:
        print_json(view)
        return
    click.echo("\n".join([*told(view), *(_rows(view) if whole else ())]))


def told(view: SubscriptionView) -> list[str]:
    """One subscription on one line, and a second one where somebody has to do something."""
    from strowger.events.handshake import State

    words = [printable(view.name), printable(view.resource)]
    if view.endpoint:
        words.append(printable(view.endpoint, 200))
    words.append(f"{printable(view.state)}: {printable(view.why, SAID)}" if view.why else printable(view.state))
    if view.failover:
        words.append(f"failover {printable(view.failover, SAID)}")
    if view.is_paused:
        words.append("paused")
    if view.waiting:
        words.append(f"{view.waiting} events wait" if view.waiting > 1 else "1 event waits")
    words.append("added at run time" if view.created_at else "from the settings")
    lines = ["  ".join(words)]
    if view.state == State.AWAITING_MANUAL.value and view.validation_url:
        lines.append(f"  to consent for it, open {printable(view.validation_url, 300)}")
    return lines


def _rows(view: SubscriptionView) -> list[str]:
    import msgspec

    return [f"  {printable(name)} = {printable(msgspec.json.encode(value).decode(), 4_000)}"
            for name, value in view.rows.items()]  # fmt: skip
