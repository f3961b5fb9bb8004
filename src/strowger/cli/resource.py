"""Which resource a command is about, and its access keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from strowger.cli.errors import Failed, Misconfigured

if TYPE_CHECKING:
    from strowger.access_keys.directory import KeyDirectory
    from strowger.access_keys.pair import KeyPair
    from strowger.settings import Resource, Settings

WHICH: Final = ("primary", "secondary")
"""The keys of a resource in the order of the settings; a test compares them with those of `access_keys`."""


def chosen_resource(settings: Settings, name: str | None) -> Resource:
    """The resource of this name, or the first. Raises Misconfigured."""
    if not settings.resources:
        raise Misconfigured("The settings have no [[resource]], so there is nothing to connect to.")
    for resource in settings.resources:
        if name is None or resource.name == name:
            return resource
    names = ", ".join(each.name for each in settings.resources)
    raise Misconfigured(f"There is no resource {name!r}; there are {names}.")


def keyed(settings: Settings, resource: Resource, *, makes: bool) -> Resource:
    """The resource with its keys, those of the settings or those that the server made.

    `makes` is for a development server, whose keys may be wanted before its first start. Raises Failed.
    """
    return resource if resource.keys else replace(resource, keys=made_pair(settings, resource, makes=makes).keys)


def made_pair(settings: Settings, resource: Resource, *, makes: bool) -> KeyPair:
    """The keys that the server made for a resource; see `keyed`. Raises Failed."""
    from strowger.access_keys.errors import AccessKeysError

    directory = directory_of(settings)
    try:
        return directory.made(resource.id)[0] if makes else directory.read(resource.id)
    except (AccessKeysError, OSError) as error:
        raise Failed(f"The access keys of {resource.name!r} cannot be had: {error}.") from error


def directory_of(settings: Settings) -> KeyDirectory:
    """Where the server of these settings keeps the keys that it makes."""
    from strowger.base.clock import SystemClock
    from strowger.resource_keys import key_directory

    return key_directory(settings, SystemClock().wall)
