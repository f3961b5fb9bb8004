"""The command line: arguments in, settings out; no decision about a call is taken here.

Importing this room is quick, so that `strowger --help` is: what is heavy is imported by the command that needs it.
"""

from strowger.cli.program import main

__all__ = ["main"]
