"""The sockets of SIP: bytes and addresses, framing and limits (RFC 3261 §18).

`Transports` owns every SIP socket. It hands whole messages up as bytes with the `Flow` they came on, and sends bytes
down a flow; it reads nothing of a message but what `StreamFramer` needs to find its end. Via parameters, transactions
and what to answer stay with the driver.
"""
