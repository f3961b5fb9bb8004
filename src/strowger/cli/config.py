"""`strowger config`: whether a settings file can be used, and what it comes to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from strowger.base.text import printable
from strowger.cli.errors import Misconfigured
from strowger.cli.target import json_option, server_options, settings_of

if TYPE_CHECKING:
    from strowger.settings import Settings
    from strowger.settings.row import Rows

MASK: Final = "********"
PROBLEM_LIMIT: Final = 1_000


@click.group()
def config() -> None:
    """Check and show settings."""


@config.command()
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", required=True, help="Settings file.")
@json_option
def check(config: Path, as_json: bool) -> None:
    """Say all that is wrong with a settings file.

    The exit code is 0 if it can be used, and 2 if not.
    """
    from strowger.settings import SettingsError, load

    try:
        settings = load(config, os.environ, {})
    except SettingsError as error:
        if as_json:
            problems = [problem._asdict() for problem in error.problems]
            click.echo(json.dumps({"ok": False, "problems": problems}, indent=2))
            raise click.exceptions.Exit(Misconfigured.exit_code) from error
        lines = "\n".join(printable(str(problem), PROBLEM_LIMIT) for problem in error.problems)
        raise Misconfigured(f"{config} cannot be used:\n{lines}") from error
    if as_json:
        click.echo(json.dumps({"ok": True, "problems": []}, indent=2))
    else:
        click.echo(f"{config} can be used: {_summary(settings)}.")


@config.command()
@server_options
@json_option
def show(config: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Print all settings, with their defaults.

    The environment is laid over them, and secrets are masked. Without --config these are the settings of the
    development server.
    """
    settings = settings_of(config, data_dir)
    if as_json:
        click.echo(json.dumps(dict(resolved(settings)), indent=2))
    else:
        click.echo("\n\n".join(_toml(settings)))


def resolved(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Each section by its key: a table, or a list of tables, in plain values and without secrets."""
    from strowger.settings.rows import sections

    for name, section in sections():
        value = getattr(settings, name)
        if section.many:
            yield section.key, [_plain(each, section.rows) for each in value]
        else:
            yield section.key, _plain(value, section.rows)


def _plain(table: object, rows: type[Rows]) -> dict[str, Any]:
    from strowger.settings.row import rows_of

    return {
        row.key: _masked(getattr(table, name)) if row.kind.secret else _value(getattr(table, name))
        for name, row in rows_of(rows)
    }


def _masked(secret: str | tuple[str, ...]) -> str | list[str]:
    """As many secrets as there are, and none of them."""
    if isinstance(secret, str):
        return MASK if secret else ""
    return [MASK] * len(secret)


def _value(value: Any) -> Any:
    """As it would be written in the file; a listener is a named tuple and no list."""
    from strowger.events.filters import AdvancedFilter

    if value is None:
        return ""
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return [_value(each) for each in value]
    if isinstance(value, AdvancedFilter):
        return value.written()
    return value if isinstance(value, bool | int | float) else str(value)


def _toml(settings: Settings) -> Iterator[str]:
    for key, value in resolved(settings):
        tables = value if isinstance(value, list) else [value]
        head = f"[[{key}]]" if isinstance(value, list) else f"[{key}]"
        for table in tables:
            yield "\n".join([head, *(f"{name} = {_literal(each)}" for name, each in table.items())])


def _literal(value: Any) -> str:
    """A TOML value: JSON's texts and numbers are TOML's too."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_literal(each)}' for name, each in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _summary(settings: Settings) -> str:
    counts = (
        (len(settings.resources), "resource"),
        (len(settings.numbers), "number"),
        (len(settings.users), "user"),
        (len(settings.groups), "group"),
        (len(settings.subscriptions), "subscription"),
        (len(settings.trunks), "trunk"),
        (len(settings.routes), "route"),
    )
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)
