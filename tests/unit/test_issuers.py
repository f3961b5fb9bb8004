"""From settings to issuers that are believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strowger.acs.auth import Principal, Resource
from strowger.acs.errors import TokenRefused
from strowger.acs.message import Headers, Request
from strowger.base.clock import VirtualClock
from strowger.dev_issuer import Life, dev_key, dev_token, dev_user_token
from strowger.issuers import Issuers
from strowger.settings import Entra, Server, Settings, dev_settings
from tests.support import issuer
from tests.support.issuer import APPLICATION, ISSUER, NOW, KeyServer

pytestmark = pytest.mark.asyncio

RESOURCES = [Resource("dev", ("localhost",), ()), Resource("other", ("calls.example",), ())]


async def ask(issuers: Issuers, text: str, host: str = "localhost") -> Principal | None:
    request = Request("POST", "/", Headers([("Host", host), ("Authorization", f"Bearer {text}")]))
    return await issuers.authenticator.authenticate(request, NOW)


async def test_the_development_issuer_asks_nobody(tmp_path: Path) -> None:
    settings = dev_settings(tmp_path)
    row = settings.issuers[0]
    issuers = Issuers(settings, RESOURCES, monotonic=VirtualClock().monotonic)
    issuers.stop()
    text = dev_token(
        dev_key(tmp_path),
        issuer=row.issuer,
        audience=row.audiences[1],
        application_id=row.allowed[0],
        life=Life(NOW, 60),
    )
    assert await ask(issuers, text) == Principal("dev")


async def test_one_issuer_of_several_resources_is_asked_once(tmp_path: Path) -> None:
    server = KeyServer()
    await server.start()
    rows = tuple(
        Entra(resource=name, issuer=ISSUER, jwks_url=server.url, allowed=(APPLICATION.upper(),))
        for name in ("dev", "other")
    )
    settings = Settings(server=Server(data_dir=tmp_path), issuers=rows)
    issuers = Issuers(settings, RESOURCES, monotonic=VirtualClock().monotonic)
    assert await ask(issuers, issuer.token()) == Principal("dev")
    assert await ask(issuers, issuer.token(), "calls.example") == Principal("other")
    with pytest.raises(TokenRefused):
        await ask(issuers, issuer.token(key=issuer.FOREIGN))
    assert server.asked == 1
    issuers.stop()
    await server.close()
    assert os.listdir(tmp_path) == []


async def test_without_issuers_nobody_is_believed() -> None:
    issuers = Issuers(Settings(), RESOURCES, monotonic=VirtualClock().monotonic)
    assert await ask(issuers, issuer.token()) is None


async def test_a_tenant_of_the_settings_in_any_capitals(tmp_path: Path) -> None:
    settings = Settings(
        server=Server(data_dir=tmp_path),
        issuers=(Entra(resource="dev", issuer=ISSUER, jwks_url="dev", allowed=(), tenant="A-Tenant"),),
    )
    issuers = Issuers(settings, RESOURCES, monotonic=VirtualClock().monotonic)
    key, exchange = dev_key(tmp_path), settings.issuers[0].exchange_audiences[1]
    whose = {"application_id": "app", "object_id": "u-1", "tenant": "a-tenant"}
    text = dev_user_token(key, issuer=ISSUER, audience=exchange, life=Life(NOW, 9), **whose)
    user = await issuers.tenants.user_of("dev", text, NOW)
    assert (user.object_id, user.applications) == ("u-1", {"app"})
    assert not issuers.tenants.serves("other")
    with pytest.raises(TokenRefused):
        await ask(issuers, text)  # it is not meant for the API
