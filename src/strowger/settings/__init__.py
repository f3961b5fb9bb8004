"""Settings: what an operator can choose, read once at the start and never changed.

    load            a file, the environment and flags → Settings, or SettingsError with everything that is wrong
    dev_settings    the settings of `strowger dev`, which needs no file
    rows.py         the settings themselves; docs/settings.md is generated from them

Only the server and the command line import this room; all others are handed the values they need.
"""

from strowger.settings.address import Listener, SipListener
from strowger.settings.connection import connection_string
from strowger.settings.dev import dev_settings
from strowger.settings.events import Events
from strowger.settings.group import Group
from strowger.settings.limits import Limits
from strowger.settings.load import load
from strowger.settings.outside import Outside
from strowger.settings.problem import Problem, SettingsError
from strowger.settings.rows import (
    Certificate,
    Compat,
    Entra,
    Listen,
    Number,
    Resource,
    Server,
    Settings,
    Sip,
    Tls,
    User,
)
from strowger.settings.subscription import Subscription
from strowger.settings.trunk import Route, Trunk

__all__ = [
    "Certificate",
    "Compat",
    "Entra",
    "Events",
    "Group",
    "Limits",
    "Listen",
    "Listener",
    "Number",
    "Outside",
    "Problem",
    "Resource",
    "Route",
    "Server",
    "Settings",
    "SettingsError",
    "Sip",
    "SipListener",
    "Subscription",
    "Tls",
    "Trunk",
    "User",
    "connection_string",
    "dev_settings",
    "load",
]
