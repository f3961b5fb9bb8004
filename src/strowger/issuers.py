"""The issuers of the settings: whose tokens the API believes, and where their keys come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from strowger.acs.auth import Resource
from strowger.acs.authenticators.entra import EntraAuthenticator, TrustedIssuer
from strowger.acs.authenticators.key_cache import KeyCache, Keys, StaticKeys
from strowger.acs.authenticators.key_fetch import fetch_keys
from strowger.acs.authenticators.key_place import DEVELOPMENT
from strowger.acs.authenticators.key_set import read_key_set
from strowger.acs.authenticators.tenant import Tenants
from strowger.acs.resources import HostedResources
from strowger.dev_issuer import dev_key, published
from strowger.settings import Settings


class Issuers:
    """All of them. What they published is kept until `stop`."""

    def __init__(self, settings: Settings, resources: Sequence[Resource], *, monotonic: Callable[[], float]) -> None:
        """Raises OSError, ValueError when the key of the development issuer cannot be kept."""
        self._monotonic: Final = monotonic
        self._data_dir: Final = settings.server.data_dir
        self._keys: Final[dict[str, Keys]] = {}
        issuers = [
            TrustedIssuer(
                row.resource,
                row.issuer,
                row.audiences,
                frozenset(each.lower() for each in row.allowed),
                self._keys_of(row.issuer, row.jwks_url),
                row.tenant.lower(),
                row.exchange_audiences,
            )
            for row in settings.issuers
        ]
        self.authenticator: Final = EntraAuthenticator(issuers, HostedResources(resources))
        self.tenants: Final = Tenants(issuers)

    def stop(self) -> None:
        """Fetch no more keys."""
        for keys in self._keys.values():
            if isinstance(keys, KeyCache):
                keys.stop()

    def _keys_of(self, issuer: str, url: str) -> Keys:
        keys = self._keys.get(url)
        if keys is None:
            keys = self._keys[url] = self._from(issuer, url)
        return keys

    def _from(self, issuer: str, url: str) -> Keys:
        if url == DEVELOPMENT:
            return StaticKeys(read_key_set(published(dev_key(self._data_dir))))
        return KeyCache(issuer, partial(fetch_keys, url), monotonic=self._monotonic)
