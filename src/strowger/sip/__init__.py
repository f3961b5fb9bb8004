"""The SIP side: messages, transactions and proxy (pure), transports and driver (asyncio), and the edge to the calls."""
