"""The domain: a call is a chain of hops, and each hop takes one decision.

Pure: no clock, socket, thread or random source is imported here; they come in from outside. Edge rooms (ACS, SIP, Event
Grid, storage) know this room and never each other; what they offer to it is written down in `ports`.
"""
