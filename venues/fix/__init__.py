"""Brokers that speak FIX: an adapter that knows PostgreSQL only, and a gateway process a session that owns the socket.

    adapter  ──► fix.orders, fix.messages (the outbox)  ──► gateway ──► broker
    adapter  ◄── fix.orders, fix.executions             ◄── gateway ◄── broker

Only `engine` and `paper_broker` know QuickFIX, which the extra `fix` installs.
"""
