"""`strowger key`: the two access keys of each resource, and how one of them is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strowger.base.text import printable
from strowger.cli.errors import Failed, Misconfigured
from strowger.cli.resource import WHICH, chosen_resource, directory_of, made_pair
from strowger.cli.target import json_option, server_options, settings_of

if TYPE_CHECKING:
    from strowger.access_keys.pair import Which
    from strowger.settings import Resource, Settings

Row = dict[str, Any]


@click.group()
def key() -> None:
    """Look at the access keys, and replace them.

    Each resource has two, both valid all the time. To replace one that others may know, move the applications to the
    other key first.
    """


@key.command("list")
@server_options
@click.option("--resource", metavar="NAME", help="Only the keys of this resource.")
@click.option("--show", is_flag=True, help="Print the keys themselves.")
@json_option
def list_(config: Path | None, data_dir: Path | None, resource: str | None, show: bool, as_json: bool) -> None:
    """List the access keys by their fingerprints.

    A fingerprint is the beginning of the SHA-256 of a key.
    """
    from strowger.base.clock import SystemClock
    from strowger.cli.asking import print_json

    settings = settings_of(config, data_dir)
    chosen = [chosen_resource(settings, resource)] if resource is not None else settings.resources
    found = [row for each in chosen for row in _rows(settings, each, makes=config is None, shows=show)]
    if as_json:
        print_json(found)
        return
    now = SystemClock().wall()
    for row in found:
        click.echo(line(row, now))


@key.command()
@server_options
@click.option("--resource", metavar="NAME", help="Whose key; needed where there are several resources.")
@click.option("--key", "which", type=click.Choice(WHICH), default="secondary", show_default=True, help="Which key.")
@json_option
def rotate(config: Path | None, data_dir: Path | None, resource: str | None, which: Which, as_json: bool) -> None:
    """Replace one access key by a new one; the other one stays as it is.

    The old key is refused at once, or within two seconds by a server that runs.
    """
    from strowger.access_keys.errors import AccessKeysError
    from strowger.cli.asking import print_json

    settings = settings_of(config, data_dir)
    if resource is None and len(settings.resources) > 1:
        names = ", ".join(each.name for each in settings.resources)
        raise Misconfigured(f"There are several resources; say which one by --resource: {names}.")
    chosen = chosen_resource(settings, resource)
    if chosen.keys:
        raise Misconfigured(
            f"The keys of {chosen.name!r} are written in the settings: change them there and start the server anew, "
            "or remove them there, and it makes its own."
        )
    try:
        pair = directory_of(settings).rotate(chosen.id, which)
    except (AccessKeysError, OSError) as error:
        raise Failed(f"The {which} key of {chosen.name!r} is as it was: {error}.") from error
    new = pair.primary if which == "primary" else pair.secondary
    if as_json:
        print_json({"resource": chosen.name, "key": which, "fingerprint": new.fingerprint})
        return
    click.echo(f"The {which} key of {printable(chosen.name)} is new: {new.fingerprint}.")
    click.echo("A running server takes it, and refuses the one before, within two seconds.")
    click.echo(f"See it by: strowger connection-string --key {which}, with the same options.")


def line(row: Row, now: float) -> str:
    """One key on one line; `now` is wall time in seconds."""
    from strowger.cli.narration import span
    from strowger.console.views import seconds

    age = f"{span(now - seconds(row['made_at']))} old" if row["made_at"] else "from the settings"
    told = [printable(row["resource"]), row["key"], row["fingerprint"], age]
    return "  ".join([*told, row["value"]] if "value" in row else told)


def _rows(settings: Settings, resource: Resource, *, makes: bool, shows: bool) -> Iterator[Row]:
    from strowger.access_keys.pair import fingerprint
    from strowger.console.views import iso

    keys: list[tuple[str, str | None]] = [(each, None) for each in resource.keys]
    if not keys:
        pair = made_pair(settings, resource, makes=makes)
        keys = [(each.key, iso(each.made_at)) for each in (pair.primary, pair.secondary)]
    for which, (value, made_at) in zip(WHICH, keys, strict=False):
        row: Row = {"resource": resource.name, "key": which, "fingerprint": fingerprint(value), "made_at": made_at}
        yield row | ({"value": value} if shows else {})
