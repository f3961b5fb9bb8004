"""The proxy core of RFC 3261 §16: what a forwarded message looks like, and what becomes of a request forked to several
branches.

Pure. It leaves to others: where targets come from (the calls room), how messages travel (transaction, transport).
"""
