"""Locating SIP servers: from a SIP URI to the numeric addresses where it is served, in the order to try (RFC 3263).

`resolve` is the procedure, `weighted` its dice, `cache` its memory, all pure; `locator` runs them beside the event loop
and `dns` asks the name servers. What is sent to a destination, and what its answer means, is left to others.
"""
