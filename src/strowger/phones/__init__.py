"""Scripted phones: small SIP user agents for `strowger simulate`, demonstrations and tests.

`phone.Phone` is the door, `behaviours` says what a phone does with a call. A phone speaks SIP over UDP and TCP on
sockets of its own, built on sip/message and sip/transaction, and is independent of the server's SIP shell, so that the
two check each other. Left out, on purpose: media, registration, authentication, TLS, reliable provisional responses,
SRV records, and the change from UDP to TCP for large requests.
"""
