"""SIP transactions (RFC 3261 §17 with RFC 6026): matching, retransmission and time limits, without any input or output.

`layer.TransactionLayer` is the door; `outputs` is everything it can ask of its shell; `errors` is everything it raises.
Left to others: bytes and addresses (sip/transport), what to answer and where to send (sip/proxy). Time is passed in.
"""
