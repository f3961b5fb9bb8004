from strowger.storage.retention import ENDED_LEG_KEPT_S, PREFIX_LENGTH, PRUNE_ROWS, Retention


def test_the_limits_have_their_documented_defaults():
    assert Retention() == Retention(
        calls_kept=10_000,
        calls_kept_for_s=86_400.0,
        receipts_kept=1_000_000,
        receipts_kept_for_s=86_400.0,
        events_pending=100_000,
    )
    assert (ENDED_LEG_KEPT_S, PRUNE_ROWS, PREFIX_LENGTH) == (64.0, 100, 4)
