"""The data directory of a development server: its access keys, how it was started last, and how to forget all.

Other commands read here which ports, application and phones a running server has.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from strowger.access_keys.directory import SUFFIX
from strowger.access_keys.pair import AccessKey
from strowger.base.clock import SystemClock
from strowger.console.secret_file import ADMIN_TOKEN, read
from strowger.resource_keys import KEYS, key_directory
from strowger.settings import Settings, dev_settings
from strowger.settings.dev import RESOURCE_ID

ACCESS_KEY: Final = "access.key"
"""Where earlier versions kept the only key there was."""
ISSUER_KEY: Final = "entra.key"
"""Of the development issuer; a test compares the two."""
LAST_START: Final = "dev.json"
DATABASE_FILES: Final = ("strowger.db", "strowger.db-wal", "strowger.db-shm")
CERTIFICATES: Final = "tls"
CERTIFICATE_FILES: Final = ("ca.pem", "ca.key", "server.pem", "server.key", "bundle.pem")


class DevStart(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a development server was started with. An empty list of addresses leaves them to the settings."""

    app: str = ""
    """Where events are posted; empty when nobody is told."""
    contacts: dict[str, list[str]] = {}
    """The SIP URIs of each user that has any."""
    api: list[str] = []
    console: list[str] = []
    sip: list[str] = []


class DevDirectory:
    """One data directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def settings(self, start: DevStart, environ: Mapping[str, str]) -> Settings:
        """The settings that `start` means here. Raises SettingsError, OSError, ValueError, AccessKeysError."""
        listen = {"api": start.api, "console": start.console, "sip": start.sip}
        overrides: dict[str, dict[str, object]] = {"listen": {key: value for key, value in listen.items() if value}}
        if "STROWGER__LISTEN__METRICS" not in environ:
            overrides["listen"]["metrics"] = []  # one port less that may be taken
        if start.api and "STROWGER__SERVER__PUBLIC_URL" not in environ:
            scheme = "http" if environ.get("STROWGER__TLS__MODE") == "off" else "https"
            overrides["server"] = {"public_url": f"{scheme}://localhost:{start.api[0].rpartition(':')[2]}"}
        settings = dev_settings(
            self.path, start.app or None, contacts=start.contacts, environ=environ, overrides=overrides
        )
        self._adopt_key(settings)
        return settings

    def last_start(self) -> DevStart:
        """How the server was started last; the defaults if it never was. Raises OSError, ValueError."""
        path = self.path / LAST_START
        try:
            return msgspec.json.decode(path.read_bytes(), type=DevStart)
        except FileNotFoundError:
            return DevStart()
        except msgspec.MsgspecError as error:
            raise ValueError(f"{path} is damaged ({error}); remove it, or use --reset") from error

    def remember(self, start: DevStart) -> None:
        """Keep `start` for the other commands. Raises OSError."""
        new = self.path / f".{LAST_START}.{os.getpid()}"
        new.write_bytes(msgspec.json.format(msgspec.json.encode(start)) + b"\n")
        new.replace(self.path / LAST_START)

    def reset(self) -> None:
        """Forget every call, the keys, the token and the certificates. Raises OSError, or StoreError while in use."""
        from strowger.storage.lock import DirectoryLock

        if not self.path.exists():
            return
        lock = DirectoryLock(self.path)
        try:
            for name in (*DATABASE_FILES, ACCESS_KEY, ADMIN_TOKEN, ISSUER_KEY, LAST_START):
                (self.path / name).unlink(missing_ok=True)
            for name in CERTIFICATE_FILES:
                (self.path / CERTIFICATES / name).unlink(missing_ok=True)
            for path in (self.path / KEYS).glob(f"*{SUFFIX}"):
                path.unlink()
        finally:
            lock.release()

    def _adopt_key(self, settings: Settings) -> None:
        """The key that an earlier version made becomes the primary one, so that applications go on with it."""
        path = self.path / ACCESS_KEY
        try:
            made_at = path.stat().st_mtime
        except FileNotFoundError:
            return
        try:
            key = AccessKey(read(path), made_at)
        except ValueError as error:
            raise ValueError(f"{path} does not hold an access key ({error}); remove it, or use --reset") from error
        key_directory(settings, SystemClock().wall).made(RESOURCE_ID, key)
        path.unlink(missing_ok=True)
