"""The registrar and the location service: which contacts a user has now (RFC 3261 §10, RFC 3327, RFC 5626 §6). Pure.

`registrar.py` turns the bindings of one address of record and a REGISTER into an outcome; `location_service.py` keeps
the bindings of all of them, through a store that it is given. It leaves to others: who sent the request
(authentication), whose address it is (the directory), ringing.
"""
