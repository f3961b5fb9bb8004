"""The few things every room may use: the clock, chance, tasks, printable text. Nothing here knows about calls."""
