"""The settings of `strowger dev`: one resource, two numbers and two users on one machine, without a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from strowger.acs.authenticators.key_place import DEVELOPMENT
from strowger.settings.load import settle
from strowger.settings.overlay import Document
from strowger.settings.rows import Settings
from strowger.settings.where import Where

RESOURCE: Final = "dev"
RESOURCE_ID: Final = "1b5cc06b-f352-4571-b1e6-d9b259b7c776"
HOSTS: Final = ("localhost", "127.0.0.1", "::1")
NUMBERS: Final = ("+31201110001", "+31201110002")
ISSUER: Final = "https://entra.strowger.invalid/dev"
APPLICATION_ID: Final = "7b1f9a0e-6f2d-4d0b-9a55-0d6c1f5e2a31"
"""What its tokens say: the application that everybody on this machine is."""
TENANT_ID: Final = "c1a0f0c8-5a1e-4c43-9f0e-3b6f0f6b9d52"
"""The tenant whose Teams users everybody on this machine can be."""
USERS: Final = ("alice", "bob")


def dev_settings(
    data_dir: Path,
    app_url: str | None = None,
    *,
    contacts: Mapping[str, Sequence[str]] | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings for trying things out, which leave the access keys to the server.

    `app_url` is where events are posted. `contacts` gives users SIP URIs, and makes users of names that are not there
    yet. `environ` and `overrides` weigh as in `load`. Raises SettingsError.
    """
    document: Document = {
        "server": {"data_dir": str(data_dir)},
        "resource": [{"name": RESOURCE, "id": RESOURCE_ID, "hosts": list(HOSTS)}],
        "entra": [
            {
                "resource": RESOURCE,
                "issuer": ISSUER,
                "jwks_url": DEVELOPMENT,
                "allowed": [APPLICATION_ID],
                "tenant": TENANT_ID,
            }
        ],
        "number": [{"resource": RESOURCE, "e164": e164} for e164 in NUMBERS],
        "user": _users(contacts or {}),
        "events": {"private_targets": "allow"},
    }
    if app_url:
        document["subscription"] = [{"resource": RESOURCE, "name": "app", "endpoint": app_url}]
    return settle(document, Where(environ or {}, Path.cwd()), overrides or {})


def user_id(number: int) -> str:
    """The raw id of the user with this `number`, counted from one: the same on every machine."""
    return f"8:acs:{RESOURCE_ID}_00000000-0000-0000-0000-{number:012d}"


def _users(contacts: Mapping[str, Sequence[str]]) -> list[Document]:
    names = [*USERS, *(name for name in contacts if name not in USERS)]
    return [
        {"resource": RESOURCE, "name": name, "id": user_id(number), "contacts": list(contacts.get(name, ()))}
        for number, name in enumerate(names, start=1)
    ]
