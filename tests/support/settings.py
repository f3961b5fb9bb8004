"""Settings of one resource, and what is made of them first."""

from __future__ import annotations

from pathlib import Path

from strowger import sip_assembly
from strowger.accounts import accounts
from strowger.settings import Settings, load
from strowger.sip.registration import Registration
from strowger.storage.bindings import MemoryBindings

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NOBODY = MemoryBindings(lambda done: done())


def the_settings(directory: Path, text: str = "") -> Settings:
    """A resource called one, and the tables of `text`."""
    config = directory / "strowger.toml"
    config.write_text(
        f"""
        [[resource]]
        name = "one"
        id = "r1"
        hosts = ["calls.example"]
        keys = ["{KEY}"]
        {text}
        """
    )
    return load(config, {}, {})


def the_registration(settings: Settings) -> Registration:
    """Who may register."""
    known = accounts(settings)
    digest = sip_assembly.authenticator(settings, known, nonce_key=bytes(32))
    return sip_assembly.registration(settings, known, digest, NOBODY, wall=lambda: 0.0)
