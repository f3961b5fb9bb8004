"""Digest authentication in SIP, both sides (RFC 3261 §22, RFC 7616, RFC 8760). Pure.

`authenticator.py` decides about requests that come in, `client.py` answers the challenges of a carrier. It leaves to
others: which requests need credentials, where they are kept, and sending the answer.
"""
