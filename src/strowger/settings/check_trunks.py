"""What must hold within each trunk: what its rows ask for beside them, and times that can be meant."""

from __future__ import annotations

from collections.abc import Iterator

from strowger.settings.problem import Problem
from strowger.settings.rows import Settings

USUAL_PATIENCE_S = 4.0
"""The default of trunk.patience."""
TIMER_B_T1 = 64
"""An INVITE without any response is given up after so many times T1 (RFC 3261 §17.1.1.2)."""
SHORTEST_OPTIONS_INTERVAL_S = 0.1
SHORTEST_REGISTRATION_S = 10.0


def formats(settings: Settings) -> Iterator[Problem]:
    """What a way to write numbers, or the number that is shown, asks for."""
    for index, trunk in enumerate(settings.trunks):
        path = f"$.trunk[{index}]"
        if trunk.number_format == "national" and not trunk.country_code:
            hint = "give the digits of the country that it is at home in"
            yield Problem(f"{path}.country_code", 'this is required beside number_format = "national"', hint)
        if trunk.caller_id == "trunk" and not trunk.number:
            yield Problem(f"{path}.number", 'this is required beside caller_id = "trunk"', "give the number to show")


def passwords(settings: Settings) -> Iterator[Problem]:
    """User names and passwords come in pairs."""
    for index, trunk in enumerate(settings.trunks):
        path = f"$.trunk[{index}]"
        pairs = (
            ("username", trunk.username, "password", trunk.password),
            ("peer_username", trunk.peer_username, "peer_password", trunk.peer_password),
        )
        for user_key, user, password_key, password in pairs:
            if bool(user) != bool(password):
                missing, given = (password_key, user_key) if user else (user_key, password_key)
                yield Problem(f"{path}.{missing}", f"this is required beside {given}", "give both, or neither")
        if trunk.register == "on" and not trunk.username and not trunk.password:
            yield Problem(f"{path}.username", 'this is required beside register = "on"', "give username and password")
        if trunk.realm and not trunk.username and not trunk.password:
            yield Problem(f"{path}.realm", "there is no username that it is the realm of", "leave it out")


def times(settings: Settings) -> Iterator[Problem]:
    """Times that are too short to be meant, or that are never reached."""
    timer_b_s = TIMER_B_T1 * settings.sip.t1
    for index, trunk in enumerate(settings.trunks):
        path = f"$.trunk[{index}]"
        if trunk.options_interval < SHORTEST_OPTIONS_INTERVAL_S:
            yield Problem(f"{path}.options_interval", "this is shorter than 100ms", 'the usual value is "15s"')
        if trunk.register_expires < SHORTEST_REGISTRATION_S:
            yield Problem(f"{path}.register_expires", "this is shorter than ten seconds", 'the usual value is "1h"')
        if trunk.patience > max(timer_b_s, USUAL_PATIENCE_S):  # nobody who only shortens T1 has to write it
            hint = f"after {timer_b_s:g} s, 64 times sip.t1, SIP gives up by itself"
            yield Problem(f"{path}.patience", "this is never reached", hint)
