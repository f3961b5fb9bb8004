"""The console: health, the admin API over calls, and measurements; JSON and plain text over HTTP, no pages yet.

    console.py    /healthz, /readyz, /subscriptions/validate and everything under /admin
    metrics.py    /metrics, on an address of its own
    queries.py    what it asks of the server

It reads and never changes a call. Decisions about calls come through the API of applications.
"""
