"""How a user may be called: by its name, by its raw id, or by the user part of that id; capitals change nothing."""

from __future__ import annotations


def spellings(name: str, raw_id: str) -> tuple[str, ...]:
    """Everything a user answers to, as written in the settings, each once: its name first."""
    return tuple(dict.fromkeys(word for word in (name, raw_id, user_part(raw_id)) if word))


def user_part(raw_id: str) -> str:
    """What the resource gave the user: what follows the last underscore of `8:acs:{resource}_{user}`."""
    return raw_id.rpartition("_")[2]
