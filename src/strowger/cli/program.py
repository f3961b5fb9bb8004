"""The command `strowger`: a noun and a verb, or a verb alone where there is only one noun."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any, Final

import click

from strowger import __version__
from strowger.cli.call import call
from strowger.cli.config import config
from strowger.cli.dead_letter import dead_letter
from strowger.cli.dev.command import dev
from strowger.cli.environment import connection_string, env, run
from strowger.cli.events import events
from strowger.cli.key import key
from strowger.cli.registration import registration
from strowger.cli.route import route
from strowger.cli.serve import serve
from strowger.cli.simulate.command import simulate
from strowger.cli.subscription import subscription
from strowger.cli.token import token
from strowger.cli.trunk import trunk
from strowger.cli.user import user

EPILOG = "Exit codes: 0 done, 1 refused or not as expected, 2 wrong usage or settings."

UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What writing fails with, and asking a server does not."""


class Program(click.Group):
    """A group that says so where what it prints cannot be written. That is found out when click writes, wherever that
    is: in a command, or while it shows a help text.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run with the arguments of the process. Exit code 1 where the output is lost, as with every other failure."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.errno not in UNWRITABLE or error.filename is not None:
                raise
            click.echo(f"Error: The output cannot be written: {error.strerror}.", err=True)
            _forget_output()
            sys.exit(1)


def _forget_output() -> None:
    # Python writes at its end what is left, and would complain once more.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="Strowger", message="%(prog)s %(version)s")
def main() -> None:
    """A call automation server of your own: the API of Azure Communication Services in front, SIP behind.

    Begin with "strowger dev", which needs no file.
    """


for _command in (
    dev, serve, config, connection_string, env, run, key, call, subscription, events, dead_letter, registration, trunk,
    route, user, token, simulate,
):
    main.add_command(_command)
