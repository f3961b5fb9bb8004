"""The command `strowger`: a noun and a verb, or a verb alone where there is only one noun."""

from __future__ import annotations

import click

from strowger import __version__
from strowger.cli.call import call
from strowger.cli.config import config
from strowger.cli.dev.command import dev
from strowger.cli.environment import connection_string, env, run
from strowger.cli.registration import registration
from strowger.cli.route import route
from strowger.cli.serve import serve
from strowger.cli.simulate.command import simulate
from strowger.cli.trunk import trunk
from strowger.cli.user import user

EPILOG = "Exit codes: 0 done, 1 refused or not as expected, 2 wrong usage or settings."


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="Strowger", message="%(prog)s %(version)s")
def main() -> None:
    """A call automation server of your own: the API of Azure Communication Services in front, SIP behind.

    Begin with "strowger dev", which needs no file.
    """


for _command in (dev, serve, config, connection_string, env, run, call, registration, trunk, route, user, simulate):
    main.add_command(_command)
