import pytest

from strowger.sip.registrar.limits import Limits


def test_the_defaults():
    limits = Limits()
    assert (limits.default_expires_s, limits.min_expires_s, limits.max_expires_s) == (3_600, 60, 3_600)
    assert (limits.contacts, limits.path_values, limits.requires_path_support) == (10, 8, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_expires_s": 0},
        {"min_expires_s": 3_601},
        {"default_expires_s": 3_601},
        {"default_expires_s": 59},
        {"contacts": 0},
        {"path_values": -1},
        {"flow_timer_s": -1},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="registra"):
        Limits(**wrong)
