"""How a command ends when it cannot do what it was asked to.

    click.ClickException
    ├── Failed             1     refused, unreachable, or not as expected
    ├── Misconfigured      2     the settings or the arguments cannot be used; as click's own UsageError
    ├── ProgramUnusable    126   what `strowger run` should start cannot be executed; as in a shell
    └── ProgramNotFound    127   what `strowger run` should start is not there; as in a shell
"""

from __future__ import annotations

import click


class Failed(click.ClickException):
    """What was asked for did not happen; the text says why and what to do."""

    exit_code = 1


class Misconfigured(click.ClickException):
    """The settings or arguments are at fault; the text says which, and what would do."""

    exit_code = 2


class ProgramUnusable(click.ClickException):
    """The program to run is there and cannot be executed."""

    exit_code = 126


class ProgramNotFound(click.ClickException):
    """There is no such program to run."""

    exit_code = 127
