"""Where calls, undelivered events, receipts and secrets are kept: one `Store`, in SQLite or in memory.

The contract is `calls.ports.Store`; one test suite holds both against it. What is stored is decided elsewhere: this
room neither reads nor changes what a call says.
"""
