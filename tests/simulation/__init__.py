"""The engine under every fault at once, in one thread, decided by one seed.

Real: the engine, the kinds, the pulls, the runs and the sweep. Simulated: the vendors (in memory,
behind the clients' interface), the clock, the broker, the webhooks, the people, and the processes:
two workers change places, or die, at every commit and every call to a vendor.
The database is SQLite, by sessions of our own for speed, or PostgreSQL.
"""
