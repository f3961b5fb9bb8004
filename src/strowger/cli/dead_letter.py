"""`strowger dead-letter`: events that were given up, and sending them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from strowger.base.text import printable
from strowger.cli.asking import admin_of, admin_options, ask, print_json
from strowger.cli.errors import Failed, Misconfigured

if TYPE_CHECKING:
    from strowger.cli.admin import Admin
    from strowger.console.dead_letters import DeadLetterView, LetterGoneView


@click.group("dead-letter")
def dead_letter() -> None:
    """Look at events that were given up, and send them again.

    A beginning of an id is enough wherever an id is asked for.

    \b
    strowger dead-letter list --subscription shop/app
    strowger dead-letter edit 961b1f2e
    strowger dead-letter resend 48a7f575 a1b044a0
    """


@dead_letter.command("list")
@admin_options
@click.option("--subscription", metavar="RESOURCE/NAME", default="", help="Of this one only.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, metavar="N", help="How many.")
def list_(as_json: bool, subscription: str, limit: int, **where: Any) -> None:
    """List the newest of them."""
    if subscription and "/" not in subscription:
        raise Misconfigured(f"--subscription is RESOURCE/NAME, as the list shows it, and not {subscription!r} alone.")
    admin, _ = admin_of(**where)
    found = ask(admin, lambda: admin.dead_letters(limit, subscription))
    if as_json:
        print_json(found.dead_letters)
        return
    for each in found.dead_letters:
        click.echo(row(each))
    more = found.kept - len(found.dead_letters)
    if not found.dead_letters:
        whose = f" of {printable(subscription)}" if subscription else ""
        click.echo(f"No dead letters{whose}: every event was delivered, or is still on its way.")
    elif more > 0:
        click.echo(f"{more} more are kept.")


@dead_letter.command()
@admin_options
@click.argument("letter_id", metavar="ID")
def show(as_json: bool, letter_id: str, **where: Any) -> None:
    """Show one with its event."""
    admin, _ = admin_of(**where)
    found = ask(admin, lambda: admin.dead_letter(letter_id))
    if as_json:
        print_json(found)
        return
    click.echo(row(found.letter))
    print_json(found.event)


@dead_letter.command()
@admin_options
@click.argument("letter_ids", metavar="ID...", nargs=-1, required=True)
def resend(as_json: bool, letter_ids: Sequence[str], **where: Any) -> None:
    """Send the events of these again, as they are.

    They go to the subscription that did not get them, under their old ids.
    """
    admin, _ = admin_of(**where)
    _print_each([partial(ask, admin, partial(admin.resend_dead_letter, each)) for each in letter_ids], as_json=as_json)


@dead_letter.command()
@admin_options
@click.argument("letter_id", metavar="ID")
@click.option("--file", "file", type=click.File("rb"), metavar="F", help="The event, as JSON; - for standard input.")
def edit(as_json: bool, letter_id: str, file: Any, **where: Any) -> None:
    """Change the event of one and send it.

    It is changed in $EDITOR, or replaced by what is in a file. Which event it is stays: its id, topic and type.
    """
    admin, _ = admin_of(**where)
    octets = file.read() if file is not None else _edited(admin, letter_id)
    event = _event_of(octets)
    _print([ask(admin, lambda: admin.resend_dead_letter(letter_id, event))], as_json=as_json)


@dead_letter.command()
@admin_options
@click.argument("letter_ids", metavar="ID...", nargs=-1, required=True)
def remove(as_json: bool, letter_ids: Sequence[str], **where: Any) -> None:
    """Forget these."""
    admin, _ = admin_of(**where)
    _print_each([partial(ask, admin, partial(admin.remove_dead_letter, each)) for each in letter_ids], as_json=as_json)


def row(each: DeadLetterView) -> str:
    """One letter on one line."""
    tried = f"{each.delivery_attempts} attempts" if each.delivery_attempts != 1 else "1 attempt"
    told = [
        each.letter_id[:8],
        each.died_at,
        each.subscription,
        each.event_type.rpartition(".")[2],
        f"{each.dead_letter_reason} after {tried}, {each.last_delivery_outcome}: {each.why}",
        f"call {each.call_id[:8]}",
    ]
    return "  ".join(printable(text) for text in told)


def _edited(admin: Admin, letter_id: str) -> bytes:
    """What somebody made of an event in an editor. Raises Failed."""
    import msgspec

    before = msgspec.json.format(bytes(ask(admin, lambda: admin.dead_letter(letter_id)).event), indent=2).decode()
    after = click.edit(before, extension=".json")
    if after is None or after.strip() == before.strip():
        raise Failed("Nothing was changed, and nothing is sent: strowger dead-letter resend sends it as it is.")
    return after.encode()


def _event_of(octets: bytes) -> dict[str, object]:
    import msgspec

    try:
        return msgspec.json.decode(octets, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Misconfigured(f"This is no event, which is one JSON object: {error}") from error


def _print_each(acts: Sequence[Callable[[], LetterGoneView]], *, as_json: bool) -> None:
    """Do one after the other; where one fails, those before it are done and shown."""
    gone: list[LetterGoneView] = []
    try:
        for act in acts:
            gone.append(act())
    finally:
        _print(gone, as_json=as_json)


def _print(gone: Sequence[LetterGoneView], *, as_json: bool) -> None:
    if as_json:
        print_json(gone)
        return
    for each in gone:
        what = "is on its way again" if each.is_resent else "is forgotten"
        click.echo(printable(f"{each.letter_id[:8]}: the event {each.event_id} {what}."))


